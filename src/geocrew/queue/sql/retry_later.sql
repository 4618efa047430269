-- An attempt ends, the job waits for the next one; fenced by its lease.
-- For one that is to be cancelled there is no next one.
WITH ended AS (
    UPDATE public.background_jobs
    SET status = 'queued',
        error_message = %(message)s,
        progress = 0,
        progress_message = NULL,
        crashes = crashes + %(crashed)s::integer,
        run_at = clock_timestamp() + %(wait_seconds)s * interval '1 second',
        lease = NULL,
        leased_until = NULL
    WHERE id = %(id)s AND lease = %(lease)s AND cancel_requested_at IS NULL
    RETURNING id, attempt, worker, started_at, job_type
),
told AS (
    SELECT pg_notify('geocrew_jobs', left(job_type, 100)) FROM ended
)
INSERT INTO geocrew.job_attempts (job_id, attempt, worker, started_at, outcome, error_message)
SELECT id, attempt, worker, started_at, %(outcome)s, %(message)s
FROM ended
CROSS JOIN told
