-- The last statement of the commit that publishes a job's dataset; no row means that the lease is lost.
UPDATE public.background_jobs
SET status = 'completed',
    result = %(result)s,
    error_message = NULL,
    progress = 100,
    progress_message = NULL,
    finished_at = clock_timestamp(),
    lease = NULL,
    leased_until = NULL
WHERE id = %(id)s AND lease = %(lease)s
