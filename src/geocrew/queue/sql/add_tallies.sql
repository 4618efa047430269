-- Add what a worker has counted since it last did.
INSERT INTO geocrew.tallies AS tally (metric, job_type, reason, bound, total)
SELECT metric, job_type, reason, bound, total
FROM unnest(
    %(metrics)s::text[], %(job_types)s::text[], %(reasons)s::text[], %(bounds)s::float8[], %(totals)s::float8[]
) AS added (metric, job_type, reason, bound, total)
ON CONFLICT (metric, job_type, reason, bound) DO UPDATE SET total = tally.total + EXCLUDED.total
