-- The leases under which somebody may be building something now.
SELECT lease FROM public.background_jobs WHERE status = 'running'
