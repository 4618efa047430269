-- A worker says that it lives, and how it is.
INSERT INTO geocrew.workers (name, job_types, concurrency, version, memory_mb, state, reason)
VALUES (%(name)s, %(job_types)s, %(concurrency)s, %(version)s, %(memory_mb)s, %(state)s, %(reason)s)
ON CONFLICT (name) DO UPDATE
SET heartbeat_at = clock_timestamp(), memory_mb = EXCLUDED.memory_mb, state = EXCLUDED.state, reason = EXCLUDED.reason
