-- The type and SRID that a geometry column is declared with.
SELECT postgis_typmod_type(atttypmod), postgis_typmod_srid(atttypmod)
FROM pg_attribute
WHERE attrelid = to_regclass(format('%%I.%%I', %(schema)s::text, %(table)s::text)) AND attname = %(column)s
