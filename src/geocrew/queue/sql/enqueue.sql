-- A job row; the same idempotency key from the same owner finds the row that is there already.
WITH inserted AS (
    INSERT INTO public.background_jobs
        (user_id, job_type, params, priority, run_at, max_attempts, timeout, idempotency_key)
    VALUES (
        %(user_id)s, %(job_type)s, %(params)s, %(priority)s, COALESCE(%(run_at)s, clock_timestamp()),
        %(max_attempts)s, %(timeout)s, %(idempotency_key)s
    )
    ON CONFLICT (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING id
)
SELECT id FROM inserted
UNION ALL
SELECT id FROM public.background_jobs
WHERE user_id = %(user_id)s AND idempotency_key = %(idempotency_key)s
LIMIT 1
