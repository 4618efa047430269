-- Seconds until the next waiting job of these types may run; NULL when none waits.
SELECT extract(epoch FROM min(job.run_at) - clock_timestamp())::float8
FROM unnest(%(job_types)s::text[]) AS kind (job_type)
CROSS JOIN LATERAL (
    SELECT run_at
    FROM public.background_jobs
    WHERE status = 'queued' AND job_type = kind.job_type
    ORDER BY priority DESC, run_at, id
    LIMIT 1
) AS job
