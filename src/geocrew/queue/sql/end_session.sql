-- Ends the session of a job whose process is gone; its name guards against a number used again. True when it is
-- gone within 0.2 s: one that waits for its client or its disk is.
SELECT pg_terminate_backend(pid, 200)
FROM pg_stat_activity
WHERE pid = %(pid)s AND application_name = %(name)s
