-- The column that identifies a row: unique, never NULL, alone; the primary key first, then integers.
-- A plain table with children answers for their rows too, and no index of its own covers those.
SELECT a.attname::text
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = %(relation)s::bigint::oid
    AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1
    AND i.indpred IS NULL AND i.indexprs IS NULL AND a.attnotnull
    AND (c.relkind = 'p' OR NOT EXISTS (SELECT FROM pg_catalog.pg_inherits AS h WHERE h.inhparent = c.oid))
ORDER BY i.indisprimary DESC, a.atttypid NOT IN ('int8'::regtype, 'int4'::regtype, 'int2'::regtype), a.attnum
LIMIT 1
