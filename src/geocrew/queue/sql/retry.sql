-- A failed or cancelled job goes back to the queue for at least one more attempt.
WITH again AS (
    UPDATE public.background_jobs
    SET status = 'queued',
        max_attempts = LEAST(1000, GREATEST(max_attempts, attempt + 1)),
        run_at = clock_timestamp(),
        crashes = 0,
        progress = 0,
        cancel_requested_at = NULL,
        finished_at = NULL
    WHERE id = %(id)s AND status IN ('failed', 'cancelled')
    RETURNING id, job_type
)
SELECT id, pg_notify('geocrew_jobs', left(job_type, 100)) FROM again
