-- Columns in order, with their base type, and for shapes the type and SRID that the column is declared with.
SELECT a.attname::text AS name,
    format_type(a.atttypid, a.atttypmod) AS sql_type,
    COALESCE(b.typname, t.typname)::text AS type_name,
    CASE WHEN COALESCE(b.typname, t.typname) IN ('geometry', 'geography')
        THEN postgis_typmod_type(a.atttypmod) ELSE '' END AS geometry_type,
    CASE WHEN COALESCE(b.typname, t.typname) IN ('geometry', 'geography')
        THEN postgis_typmod_srid(a.atttypmod) ELSE 0 END AS srid
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_type AS b ON b.oid = NULLIF(t.typbasetype, 0)
WHERE a.attrelid = %(relation)s::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
