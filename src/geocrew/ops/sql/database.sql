-- How the server is: writable, how full, what its clock says.
SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS writable,
    (SELECT sum(numbackends)::integer FROM pg_stat_database WHERE datid <> 0) AS used,
    current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
        - COALESCE(current_setting('reserved_connections', true), '0')::integer AS connection_limit,
    extract(epoch FROM clock_timestamp())::float8 AS clock
