-- What a definition holds beyond given relations and the steady functions of PostgreSQL, PostGIS and geocrew, and
-- beyond the names of functions and types that views may call.
SELECT 'table ' || c.oid::regclass::text
FROM pg_catalog.pg_class AS c
WHERE c.oid = ANY (%(relations)s::bigint[]::oid[]) AND c.oid <> ALL (%(allowed)s::bigint[]::oid[])
UNION
SELECT 'function ' || p.oid::regprocedure::text
FROM pg_catalog.pg_proc AS p
WHERE p.oid IN (
        SELECT unnest(%(functions)s::bigint[])::oid
        UNION
        SELECT o.oprcode FROM pg_catalog.pg_operator AS o WHERE o.oid = ANY (%(operators)s::bigint[]::oid[])
    )
    AND NOT (
        p.provolatile <> 'v'
        AND (
            p.pronamespace IN (to_regnamespace('pg_catalog'), to_regnamespace('geocrew'))
            OR EXISTS (
                SELECT
                FROM pg_catalog.pg_depend AS d
                JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
                WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid
                    AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.deptype = 'e'
                    AND e.extname = 'postgis'
            )
        )
    )
UNION
SELECT 'function ' || p.oid::regprocedure::text
FROM pg_catalog.pg_proc AS p
WHERE p.oid = ANY (%(calls)s::bigint[]::oid[])
    AND p.proname <> ALL (%(names)s::text[])
    AND p.pronamespace <> to_regnamespace('geocrew')
UNION
SELECT 'type ' || t.oid::regtype::text
FROM pg_catalog.pg_type AS t
WHERE t.oid = ANY (%(casts)s::bigint[]::oid[]) AND t.typname <> ALL (%(types)s::text[])
ORDER BY 1
