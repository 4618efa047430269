-- Running jobs by type, with the age of the oldest request to cancel one.
SELECT COALESCE(known.job_type, 'other') AS job_type,
    COALESCE(sum(running.jobs), 0)::float8 AS jobs,
    GREATEST(0, extract(epoch FROM clock_timestamp() - min(running.asked)))::float8 AS cancelling_seconds
FROM (
    SELECT job_type, count(*) AS jobs, min(cancel_requested_at) AS asked
    FROM public.background_jobs
    WHERE status = 'running'
    GROUP BY job_type
) AS running
FULL JOIN geocrew.job_types AS known ON known.job_type = running.job_type
GROUP BY 1
