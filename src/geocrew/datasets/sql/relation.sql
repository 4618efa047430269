-- What sort of relation it is (r table, p partitioned, v view, m materialized view, f foreign) and whether its
-- SRID measures in degrees.
SELECT class.relkind::text,
    COALESCE((SELECT srtext LIKE 'GEOG%%' FROM spatial_ref_sys WHERE srid = %(srid)s), false)
FROM pg_class AS class
WHERE class.oid = to_regclass(format('%%I.%%I', %(schema)s::text, %(table)s::text))
