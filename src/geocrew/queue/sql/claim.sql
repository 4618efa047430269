-- Take up to `limit` jobs of the given types: highest priority first, within it the oldest.
-- Parameters stay where they are: they may be megabytes, and the job's own process reads them.
-- One index scan for each type (LATERAL), because one over all types could not keep the index's order.
WITH candidates AS (
    SELECT job.id, job.priority, job.run_at
    FROM unnest(%(job_types)s::text[]) AS kind (job_type)
    CROSS JOIN LATERAL (
        SELECT id, priority, run_at
        FROM public.background_jobs
        WHERE status = 'queued' AND job_type = kind.job_type AND run_at <= clock_timestamp()
        ORDER BY priority DESC, run_at, id
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    ) AS job
),
chosen AS (
    SELECT id FROM candidates ORDER BY priority DESC, run_at, id LIMIT %(limit)s
)
UPDATE public.background_jobs AS job
SET status = 'running',
    attempt = job.attempt + 1,
    lease = gen_random_uuid(),
    leased_until = clock_timestamp() + %(lease_seconds)s * interval '1 second',
    worker = %(worker)s,
    started_at = clock_timestamp(),
    progress = 0,
    progress_message = NULL
FROM chosen
WHERE job.id = chosen.id
RETURNING job.id, job.user_id, job.job_type, job.attempt, job.max_attempts, job.crashes, job.lease,
    extract(epoch FROM job.timeout)::float8 AS timeout_seconds,
    extract(epoch FROM job.started_at - job.run_at)::float8 AS waited_seconds
