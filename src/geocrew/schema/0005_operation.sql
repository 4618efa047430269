-- What operators need: crashes counted apart from attempts, what each worker is doing, sums for metrics, retention.

-- A job that takes its process or its worker down is quarantined after a few crashes, however many attempts it has left.
ALTER TABLE public.background_jobs ADD COLUMN crashes integer NOT NULL DEFAULT 0;
ALTER TABLE public.background_jobs ADD CONSTRAINT background_jobs_crashes_counted CHECK (crashes >= 0) NOT VALID;
ALTER TABLE public.background_jobs VALIDATE CONSTRAINT background_jobs_crashes_counted;
COMMENT ON COLUMN public.background_jobs.crashes IS
    'How often the job''s process or worker died with it since it was queued; not counted against max_attempts';

ALTER TABLE geocrew.job_attempts DROP CONSTRAINT job_attempts_outcome_check;
ALTER TABLE geocrew.job_attempts ADD CONSTRAINT job_attempts_outcome_known CHECK (outcome IN (
    'failed', 'crashed', 'timed_out', 'out_of_memory', 'no_resources', 'lapsed', 'quarantined', 'cancelled', 'rejected'
));

-- Retention deletes the oldest finished jobs; heartbeats do not touch finished_at, so they stay HOT.
CREATE INDEX background_jobs_finished ON public.background_jobs (finished_at) WHERE finished_at IS NOT NULL;

ALTER TABLE geocrew.workers
    ADD COLUMN memory_mb integer,
    ADD COLUMN state     text NOT NULL DEFAULT 'working'
        CONSTRAINT workers_state_known CHECK (state IN ('working', 'waiting', 'draining')),
    ADD COLUMN reason    text;
COMMENT ON COLUMN geocrew.workers.memory_mb IS 'Private memory of the worker and its jobs, MiB; NULL: not told';
COMMENT ON COLUMN geocrew.workers.reason IS 'What a waiting worker waits for';

-- Sums that must outlive the rows and processes they are of; each worker adds its own every few seconds.
CREATE TABLE geocrew.tallies (
    metric   text   NOT NULL,
    job_type text   NOT NULL DEFAULT '',
    reason   text   NOT NULL DEFAULT '',
    bound    float8 NOT NULL DEFAULT 0,
    total    float8 NOT NULL,
    PRIMARY KEY (metric, job_type, reason, bound)
) WITH (fillfactor = 50);
COMMENT ON TABLE geocrew.tallies IS
    'Counters, and histograms as counts of values up to each bound (not cumulative); nothing here is a job''s state';
