-- Workers heard of lately.
SELECT name, job_types, concurrency, version, started_at, heartbeat_at, memory_mb, state, reason,
    extract(epoch FROM clock_timestamp() - heartbeat_at)::float8 AS silent_seconds
FROM geocrew.workers
ORDER BY name
