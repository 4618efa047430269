-- A stopping worker returns a job as if it had never claimed it; fenced by its lease.
-- One that is to be cancelled does not come back.
WITH returned AS (
    UPDATE public.background_jobs
    SET status = 'queued',
        attempt = attempt - 1,
        progress = 0,
        progress_message = NULL,
        lease = NULL,
        leased_until = NULL
    WHERE id = %(id)s AND lease = %(lease)s AND cancel_requested_at IS NULL
    RETURNING job_type
)
SELECT pg_notify('geocrew_jobs', left(job_type, 100)) FROM returned
