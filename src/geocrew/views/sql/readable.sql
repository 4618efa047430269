-- What the role of views must read for these tables, whether it can, and whether policies choose the rows that
-- the current role sees of it. A view that reads with the rights of
-- its reader needs them on what it is built on, too.
WITH RECURSIVE needed (oid) AS (
    SELECT unnest(%(tables)s::bigint[])::oid
    UNION
    SELECT d.refobjid
    FROM needed
    JOIN pg_catalog.pg_class AS c ON c.oid = needed.oid AND c.relkind = 'v'
    JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = c.oid
    JOIN pg_catalog.pg_depend AS d
        ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
        AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> c.oid
    WHERE EXISTS (
        SELECT FROM pg_options_to_table(c.reloptions) AS o
        WHERE o.option_name = 'security_invoker' AND o.option_value::boolean
    )
)
SELECT n.nspname::text, c.relname::text,
    has_table_privilege('geocrew_views', c.oid, 'SELECT'),
    has_schema_privilege('geocrew_views', n.oid, 'USAGE'),
    row_security_active(c.oid)
FROM needed
JOIN pg_catalog.pg_class AS c ON c.oid = needed.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY 1, 2
