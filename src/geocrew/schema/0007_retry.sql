-- A job that is over goes back to the queue by a whole retry or not at all: it is the same job with a fresh start.
CREATE OR REPLACE FUNCTION geocrew.check_job_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.status, NEW.status) NOT IN (
        ('queued', 'running'), ('queued', 'cancelled'), ('queued', 'failed'),
        ('running', 'completed'), ('running', 'failed'), ('running', 'cancelled'), ('running', 'queued'),
        ('failed', 'queued'), ('cancelled', 'queued')
    ) THEN
        RAISE EXCEPTION 'job % cannot go from % to %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.finished_at IS NOT NULL AND (
        (NEW.user_id, NEW.job_type, NEW.params, NEW.created_at, NEW.idempotency_key, NEW.attempt)
            IS DISTINCT FROM
            (OLD.user_id, OLD.job_type, OLD.params, OLD.created_at, OLD.idempotency_key, OLD.attempt)
        OR (NEW.crashes, NEW.progress) <> (0, 0)
        OR NEW.cancel_requested_at IS NOT NULL
        OR NEW.max_attempts <= LEAST(NEW.attempt, 999)
    ) THEN
        RAISE EXCEPTION 'job % is %; what sends it round again is: geocrew jobs retry %', OLD.id, OLD.status, OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
