-- A worker says that it lives.
INSERT INTO geocrew.workers (name, job_types, concurrency, version)
VALUES (%(name)s, %(job_types)s, %(concurrency)s, %(version)s)
ON CONFLICT (name) DO UPDATE SET heartbeat_at = clock_timestamp()
