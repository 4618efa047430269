-- How much of an index some sessions have made, 0 to 1. PostgreSQL counts the blocks it has read and, for a B-tree, the
-- tuples it has loaded after sorting them; of what a GiST index does after reading it tells nothing.
SELECT
    pid,
    (
        COALESCE(blocks_done::float8 / NULLIF(blocks_total, 0), 0)
        + COALESCE(tuples_done::float8 / NULLIF(tuples_total, 0), 0)
    ) / 2 AS share
FROM pg_stat_progress_create_index
WHERE pid = ANY(%(pids)s::integer[])
