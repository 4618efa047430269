-- Queued jobs of a type that no worker of this database has ever known end with a message; ten seconds' grace
-- lets a worker that brings a new type announce it first.
WITH unknown AS (
    SELECT id
    FROM public.background_jobs AS job
    WHERE status = 'queued'
        AND created_at < clock_timestamp() - %(grace_seconds)s * interval '1 second'
        AND NOT EXISTS (SELECT FROM geocrew.job_types AS known WHERE known.job_type = job.job_type)
    ORDER BY id
    LIMIT 100
    FOR UPDATE SKIP LOCKED
)
UPDATE public.background_jobs AS job
SET status = 'failed',
    error_message = format(
        'unknown job_type "%%s"; known: %%s', job.job_type,
        (SELECT string_agg(job_type, ', ' ORDER BY job_type) FROM geocrew.job_types)
    ),
    finished_at = clock_timestamp()
FROM unknown
WHERE job.id = unknown.id
RETURNING job.id
