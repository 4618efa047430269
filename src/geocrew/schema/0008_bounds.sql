-- What a row may hold that every worker reads or adds to. At a run_at of -infinity, or an attempt that is the largest
-- integer, every claim failed, so that no job ran any more; at a run_at of infinity no list of jobs could be read.
UPDATE public.background_jobs
SET created_at = GREATEST(LEAST(created_at, '9999-12-30Z'), '0001-01-02Z'),
    run_at = GREATEST(LEAST(run_at, '9999-12-30Z'), '0001-01-02Z'),
    attempt = LEAST(attempt, 1000000),
    crashes = LEAST(crashes, 1000000)
WHERE NOT (
    created_at >= '0001-01-02Z' AND created_at < '9999-12-31Z' AND run_at >= '0001-01-02Z' AND run_at < '9999-12-31Z'
    AND attempt <= 1000000 AND crashes <= 1000000
);

ALTER TABLE public.background_jobs
    ADD CONSTRAINT background_jobs_times_of_our_calendar CHECK (
        LEAST(created_at, started_at, finished_at, run_at, cancel_requested_at) >= '0001-01-02Z'
        AND GREATEST(created_at, started_at, finished_at, run_at, cancel_requested_at) < '9999-12-31Z'
    ) NOT VALID,
    -- Far above what queue and retries by hand count to, far below where integers end.
    ADD CONSTRAINT background_jobs_counts_bounded CHECK (attempt <= 2000000 AND crashes <= 2000000) NOT VALID,
    -- The sweep reads a job's number in the names of what it builds.
    ADD CONSTRAINT background_jobs_id_positive CHECK (id > 0) NOT VALID;
