-- An attempt ends and with it the job; fenced by its lease.
WITH ended AS (
    UPDATE public.background_jobs
    SET status = 'failed',
        error_message = %(message)s,
        progress_message = NULL,
        finished_at = clock_timestamp(),
        crashes = crashes + %(crashed)s::integer,
        lease = NULL,
        leased_until = NULL
    WHERE id = %(id)s AND lease = %(lease)s
    RETURNING id, attempt, worker, started_at
)
INSERT INTO geocrew.job_attempts (job_id, attempt, worker, started_at, outcome, error_message)
SELECT id, attempt, worker, started_at, %(outcome)s, %(message)s
FROM ended
