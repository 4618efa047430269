-- A worker leaves, or has not been heard of for a day.
DELETE FROM geocrew.workers
WHERE name = %(name)s OR heartbeat_at < clock_timestamp() - interval '1 day'
