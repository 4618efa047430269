-- Columns in order, with their base type, and for shapes the type and SRID that the column is declared with.
SELECT a.attname::text AS name,
    format_type(a.atttypid, a.atttypmod) AS sql_type,
    t.typname::text AS type_name,
    CASE WHEN t.typname IN ('geometry', 'geography') THEN postgis_typmod_type(a.atttypmod) ELSE '' END AS geometry_type,
    CASE WHEN t.typname IN ('geometry', 'geography') THEN postgis_typmod_srid(a.atttypmod) ELSE 0 END AS srid
FROM pg_catalog.pg_attribute AS a
CROSS JOIN LATERAL (
    -- A domain may be over another.
    WITH RECURSIVE found AS (
        SELECT first.typname, first.typbasetype FROM pg_catalog.pg_type AS first WHERE first.oid = a.atttypid
        UNION ALL
        SELECT base.typname, base.typbasetype FROM found JOIN pg_catalog.pg_type AS base ON base.oid = found.typbasetype
    )
    SELECT found.typname FROM found WHERE found.typbasetype = 0
) AS t
WHERE a.attrelid = %(relation)s::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
