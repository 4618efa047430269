-- The error history of a job.
SELECT attempt, worker, started_at, ended_at, outcome, error_message
FROM geocrew.job_attempts
WHERE job_id = %(id)s
ORDER BY id
