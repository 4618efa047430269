-- Jobs whose lease has lapsed lost their worker: run them again, but end those that this happened to too often:
-- what takes down every worker that touches it must not reach the next one.
-- Any worker may do this at any time; SKIP LOCKED lets many try at once, and passes over a job being published.
WITH lapsed AS (
    SELECT id, cancel_requested_at IS NOT NULL AS cancelling, crashes + 1 >= %(crash_limit)s AS poisonous
    FROM public.background_jobs
    WHERE status = 'running' AND leased_until < clock_timestamp()
    ORDER BY id
    LIMIT 100
    FOR UPDATE SKIP LOCKED
),
rescued AS (
    UPDATE public.background_jobs AS job
    SET status = CASE WHEN lapsed.cancelling THEN 'cancelled' WHEN lapsed.poisonous THEN 'failed' ELSE 'queued' END,
        error_message = CASE WHEN lapsed.cancelling THEN NULL WHEN lapsed.poisonous THEN %(quarantined)s ELSE %(message)s END,
        finished_at = CASE WHEN lapsed.cancelling OR lapsed.poisonous THEN clock_timestamp() END,
        progress = CASE WHEN lapsed.cancelling OR lapsed.poisonous THEN job.progress ELSE 0 END,
        progress_message = NULL,
        crashes = job.crashes + 1,
        lease = NULL,
        leased_until = NULL
    FROM lapsed
    WHERE job.id = lapsed.id
    RETURNING job.id, job.attempt, job.worker, job.started_at, job.status, job.job_type, job.error_message
),
told AS (
    SELECT count(pg_notify('geocrew_jobs', left(job_type, 100)))
    FROM (SELECT DISTINCT job_type FROM rescued WHERE status = 'queued') AS kinds
),
noted AS (
    INSERT INTO geocrew.job_attempts (job_id, attempt, worker, started_at, outcome, error_message)
    SELECT id, attempt, worker, started_at, CASE status WHEN 'failed' THEN 'quarantined' ELSE 'lapsed' END,
        COALESCE(error_message, %(message)s)
    FROM rescued
    CROSS JOIN told
)
SELECT id, job_type, attempt, status FROM rescued
