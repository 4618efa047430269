-- The columns of a relation in order, with what PostGIS knows of a geometry column's type and SRID.
SELECT attribute.attname AS name,
    format_type(attribute.atttypid, attribute.atttypmod) AS sql_type,
    COALESCE(base.typname, kind.typname) AS type_name,
    -- A column that does not fix its SRID promises nothing about its type either.
    CASE
        WHEN COALESCE(base.typname, kind.typname) <> 'geometry' THEN NULL
        WHEN postgis_typmod_srid(attribute.atttypmod) IS DISTINCT FROM %(srid)s::integer THEN 'Geometry'
        ELSE postgis_typmod_type(attribute.atttypmod)
    END AS geometry_type
FROM pg_attribute AS attribute
JOIN pg_type AS kind ON kind.oid = attribute.atttypid
LEFT JOIN pg_type AS base ON base.oid = kind.typbasetype
WHERE attribute.attrelid = to_regclass(format('%%I.%%I', %(schema)s::text, %(table)s::text))
    AND attribute.attnum > 0
    AND NOT attribute.attisdropped
ORDER BY attribute.attnum
