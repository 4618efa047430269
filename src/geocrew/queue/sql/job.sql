-- One job, whole.
SELECT id, user_id, job_type, params, status, result, error_message, progress, progress_message, priority,
    attempt, max_attempts, worker, extract(epoch FROM timeout)::float8 AS timeout_seconds,
    created_at, run_at, started_at, finished_at, cancel_requested_at
FROM public.background_jobs
WHERE id = %(id)s
