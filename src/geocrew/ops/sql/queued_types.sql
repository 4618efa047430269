-- Job types for which jobs wait, with their number.
SELECT job_type, count(*)::integer FROM public.background_jobs WHERE status = 'queued' GROUP BY job_type
