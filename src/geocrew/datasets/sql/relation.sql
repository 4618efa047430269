-- A relation by its exact names, and its kind. A table with children answers for their rows, as a partitioned one (p).
SELECT c.oid::bigint,
    CASE
        WHEN c.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits AS h WHERE h.inhparent = c.oid)
            THEN 'p'
        ELSE c.relkind::text
    END
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(table)s
