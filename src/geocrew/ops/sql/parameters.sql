-- Parameters of the server that matter to the queue, as this session has them.
SELECT name, current_setting(name)
FROM unnest(ARRAY[
    'autovacuum', 'track_counts', 'fsync', 'full_page_writes', 'synchronous_commit', 'work_mem', 'temp_file_limit',
    'idle_in_transaction_session_timeout'
]) AS name
