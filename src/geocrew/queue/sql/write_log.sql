-- Lines of one attempt, written only while it holds the lease.
INSERT INTO geocrew.job_log (job_id, attempt, level, message)
SELECT job.id, job.attempt, line.level, line.message
FROM public.background_jobs AS job
CROSS JOIN unnest(%(levels)s::text[], %(messages)s::text[]) WITH ORDINALITY AS line (level, message, position)
WHERE job.id = %(id)s AND job.lease = %(lease)s
ORDER BY line.position
