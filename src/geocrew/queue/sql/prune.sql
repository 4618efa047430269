-- Delete the oldest finished jobs beyond an age, a batch at a time, with their attempts and logs; datasets stay.
WITH old AS (
    SELECT id
    FROM public.background_jobs
    WHERE finished_at < clock_timestamp() - %(keep_seconds)s * interval '1 second'
    ORDER BY finished_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
DELETE FROM public.background_jobs AS job USING old WHERE job.id = old.id
