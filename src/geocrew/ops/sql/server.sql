-- Version and abilities of the server.
SELECT current_setting('server_version') AS version,
    current_setting('server_version_num')::integer AS number,
    current_setting('client_connection_check_interval', true) AS check_interval
