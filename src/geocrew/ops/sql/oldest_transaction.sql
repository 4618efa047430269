-- The oldest transaction of this database that anybody has open, as far as this role may see.
SELECT pid, COALESCE(NULLIF(application_name, ''), usename, 'unknown') AS name,
    GREATEST(0, extract(epoch FROM clock_timestamp() - xact_start))::float8 AS seconds
FROM pg_stat_activity
WHERE datname = current_database() AND xact_start IS NOT NULL AND backend_type = 'client backend'
ORDER BY xact_start
LIMIT 1
