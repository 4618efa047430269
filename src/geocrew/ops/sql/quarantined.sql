-- Jobs of the last seven days that were failed because they took process or worker down too often.
SELECT array_agg(job.id ORDER BY job.id)
FROM public.background_jobs AS job
WHERE job.status = 'failed' AND job.finished_at > clock_timestamp() - interval '7 days' AND job.crashes > 0
    AND (SELECT outcome FROM geocrew.job_attempts WHERE job_id = job.id ORDER BY id DESC LIMIT 1) = 'quarantined'
