-- How many due jobs workers of these types take sooner than this one.
SELECT count(*)::integer
FROM public.background_jobs AS mine
JOIN public.background_jobs AS other
    ON other.status = 'queued' AND other.job_type = ANY (%(job_types)s::text[]) AND other.run_at <= clock_timestamp()
WHERE mine.id = %(id)s
    AND (other.priority > mine.priority
        OR (other.priority = mine.priority AND (other.run_at, other.id) < (mine.run_at, mine.id)))
