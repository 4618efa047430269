-- Times of a job are finite and within what clients can read. At a run_at of -infinity every claim failed, so that no
-- job ran any more; at infinity no list of jobs could be read.
UPDATE public.background_jobs
SET created_at = GREATEST(LEAST(created_at, '9999-12-30Z'), '0001-01-02Z'),
    run_at = GREATEST(LEAST(run_at, '9999-12-30Z'), '0001-01-02Z')
WHERE NOT (
    created_at >= '0001-01-02Z' AND created_at < '9999-12-31Z' AND run_at >= '0001-01-02Z' AND run_at < '9999-12-31Z'
);

ALTER TABLE public.background_jobs ADD CONSTRAINT background_jobs_times_of_our_calendar CHECK (
    LEAST(created_at, started_at, finished_at, run_at, cancel_requested_at) >= '0001-01-02Z'
    AND GREATEST(created_at, started_at, finished_at, run_at, cancel_requested_at) < '9999-12-31Z'
) NOT VALID;
