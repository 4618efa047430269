-- Jobs that somebody should have taken care of: rescue takes 15 s, a cancellation 5 s.
SELECT
    array_agg(id ORDER BY id) FILTER (
        WHERE status = 'running' AND leased_until < clock_timestamp() - interval '30 seconds') AS lapsed,
    array_agg(id ORDER BY id) FILTER (
        WHERE status = 'running' AND cancel_requested_at < clock_timestamp() - interval '60 seconds') AS cancelling,
    array_agg(id ORDER BY id) FILTER (
        WHERE status = 'queued' AND run_at < clock_timestamp() - interval '10 minutes') AS waiting
FROM public.background_jobs
WHERE status IN ('queued', 'running')
