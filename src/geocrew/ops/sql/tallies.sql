-- Everything that workers have counted.
SELECT metric, job_type, reason, bound, total FROM geocrew.tallies ORDER BY metric, job_type, reason, bound
