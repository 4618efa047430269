-- The newest jobs, of one status, one type or below one id where asked.
SELECT id, user_id, job_type, params, status, result, error_message, progress, progress_message, priority,
    attempt, max_attempts, worker, extract(epoch FROM timeout)::float8 AS timeout_seconds,
    created_at, run_at, started_at, finished_at, cancel_requested_at
FROM public.background_jobs
WHERE (%(status)s::text IS NULL OR status = %(status)s)
    AND (%(job_type)s::text IS NULL OR job_type = %(job_type)s)
    AND (%(before)s::bigint IS NULL OR id < %(before)s)
ORDER BY id DESC
LIMIT %(limit)s
