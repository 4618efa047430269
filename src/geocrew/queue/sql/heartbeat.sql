-- Renew the leases of all jobs of one worker, with their progress, and say which are still held.
-- SKIP LOCKED: a child that is just publishing holds its row for a moment; it must not delay its neighbours' beats.
WITH beat AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(leases)s::uuid[], %(progress)s::integer[], %(messages)s::text[])
        AS beat (id, lease, progress, message)
),
held AS (
    SELECT job.id
    FROM public.background_jobs AS job
    JOIN beat ON beat.id = job.id
    WHERE job.lease = beat.lease
    FOR UPDATE OF job SKIP LOCKED
),
beaten AS (
    UPDATE public.background_jobs AS job
    SET leased_until = clock_timestamp() + %(lease_seconds)s * interval '1 second',
        progress = GREATEST(job.progress, beat.progress),
        progress_message = beat.message
    FROM beat
    JOIN held ON held.id = beat.id
    WHERE job.id = beat.id
)
SELECT beat.id,
    COALESCE(job.lease = beat.lease, false) AS held,
    COALESCE(job.status = 'completed', false) AS completed,
    COALESCE(job.cancel_requested_at IS NOT NULL, false) AS cancelling
FROM beat
LEFT JOIN public.background_jobs AS job ON job.id = beat.id
