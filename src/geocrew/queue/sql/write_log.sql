-- Lines of one attempt, while it holds the lease or right after it ended, never once another has begun.
INSERT INTO geocrew.job_log (job_id, attempt, level, message)
SELECT job.id, job.attempt, line.level, line.message
FROM public.background_jobs AS job
CROSS JOIN unnest(%(levels)s::text[], %(messages)s::text[]) WITH ORDINALITY AS line (level, message, position)
WHERE job.id = %(id)s AND job.attempt = %(attempt)s AND (job.lease = %(lease)s OR job.lease IS NULL)
ORDER BY line.position
