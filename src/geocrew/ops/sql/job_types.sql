-- Job types that some worker of this database has known.
SELECT job_type FROM geocrew.job_types ORDER BY job_type
