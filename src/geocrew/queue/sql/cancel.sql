-- A waiting job ends here; a running one is marked, and its worker hears of it at once.
WITH asked AS (
    UPDATE public.background_jobs
    SET cancel_requested_at = COALESCE(cancel_requested_at, clock_timestamp()),
        status = CASE status WHEN 'queued' THEN 'cancelled' ELSE status END,
        finished_at = CASE status WHEN 'queued' THEN clock_timestamp() END
    WHERE id = %(id)s AND status IN ('queued', 'running')
    RETURNING id, status
),
told AS (
    SELECT count(pg_notify('geocrew_cancel', id::text)) FROM asked WHERE status = 'running'
)
SELECT status FROM asked CROSS JOIN told
