-- Job types that this build knows.
INSERT INTO geocrew.job_types (job_type)
SELECT unnest(%(job_types)s::text[])
ON CONFLICT DO NOTHING
