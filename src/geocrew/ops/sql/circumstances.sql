-- What may keep a job from running or from ending.
SELECT job.id, job.job_type, job.status, job.attempt, job.max_attempts, job.progress, job.progress_message,
    job.worker, job.error_message, job.result ->> 'dataset_id' AS dataset_id, job.run_at,
    extract(epoch FROM job.run_at - clock_timestamp())::float8 AS due_seconds,
    extract(epoch FROM clock_timestamp() - job.started_at)::float8 AS running_seconds,
    extract(epoch FROM job.leased_until - clock_timestamp())::float8 AS lease_seconds,
    extract(epoch FROM clock_timestamp() - job.cancel_requested_at)::float8 AS cancelling_seconds,
    extract(epoch FROM clock_timestamp() - job.finished_at)::float8 AS finished_seconds,
    EXISTS (SELECT FROM geocrew.job_types AS known WHERE known.job_type = job.job_type) AS known,
    pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS read_only,
    (SELECT outcome FROM geocrew.job_attempts WHERE job_id = job.id ORDER BY id DESC LIMIT 1) AS last_outcome,
    (SELECT pid FROM pg_stat_activity
     WHERE datname = current_database()
         AND application_name = format('geocrew job %%s attempt %%s', job.id, job.attempt)
     LIMIT 1) AS backend
FROM public.background_jobs AS job
WHERE job.id = %(id)s
