-- Ends the session of a job whose process is gone; its name guards against a number used again.
SELECT pg_terminate_backend(pid, 1000)
FROM pg_stat_activity
WHERE pid = %(pid)s AND application_name = %(name)s
