-- A running job has been stopped because its user asked for it; fenced by its lease. Returns how long that took.
WITH ended AS (
    UPDATE public.background_jobs
    SET status = 'cancelled',
        error_message = NULL,
        progress_message = NULL,
        finished_at = clock_timestamp(),
        lease = NULL,
        leased_until = NULL
    WHERE id = %(id)s AND lease = %(lease)s AND cancel_requested_at IS NOT NULL
    RETURNING id, attempt, worker, started_at, cancel_requested_at
),
noted AS (
    INSERT INTO geocrew.job_attempts (job_id, attempt, worker, started_at, outcome, error_message)
    SELECT id, attempt, worker, started_at, 'cancelled', 'cancelled by request'
    FROM ended
)
SELECT extract(epoch FROM clock_timestamp() - cancel_requested_at)::float8 FROM ended
