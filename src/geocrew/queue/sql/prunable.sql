-- How many finished jobs are beyond an age.
SELECT count(*)
FROM public.background_jobs
WHERE finished_at < clock_timestamp() - %(keep_seconds)s * interval '1 second'
