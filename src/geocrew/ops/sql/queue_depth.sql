-- Waiting jobs by type, with the wait of the oldest that is due; types that nobody has registered are one.
SELECT COALESCE(known.job_type, 'other') AS job_type,
    COALESCE(sum(waiting.jobs), 0)::float8 AS jobs,
    GREATEST(0, extract(epoch FROM clock_timestamp() - min(waiting.due)))::float8 AS oldest_seconds
FROM (
    SELECT job_type, count(*) AS jobs, min(run_at) AS due
    FROM public.background_jobs
    WHERE status = 'queued'
    GROUP BY job_type
) AS waiting
FULL JOIN geocrew.job_types AS known ON known.job_type = waiting.job_type
GROUP BY 1
