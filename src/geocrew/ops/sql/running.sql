-- Running jobs with their workers, the oldest first.
SELECT id, job_type, COALESCE(worker, '') AS worker, progress, progress_message,
    cancel_requested_at IS NOT NULL AS cancelling,
    extract(epoch FROM clock_timestamp() - started_at)::float8 AS seconds
FROM public.background_jobs
WHERE status = 'running'
ORDER BY started_at, id
