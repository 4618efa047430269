-- What a job has told its user, after the line `after`.
SELECT id, attempt, logged_at, level, message
FROM geocrew.job_log
WHERE job_id = %(id)s AND id > %(after)s
ORDER BY id
