-- How many sessions ordinary users may have, and how many the workers on the list and their jobs may take.
SELECT current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
        - COALESCE(current_setting('reserved_connections', true), '0')::integer AS connection_limit,
    (SELECT COALESCE(sum(2 + concurrency), 0)::integer FROM geocrew.workers
     WHERE heartbeat_at > clock_timestamp() - interval '1 minute') AS needed
