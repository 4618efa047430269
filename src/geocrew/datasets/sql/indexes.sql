-- The indexes of a relation.
SELECT index.relname
FROM pg_index
JOIN pg_class AS index ON index.oid = pg_index.indexrelid
WHERE pg_index.indrelid = to_regclass(format('%%I.%%I', %(schema)s::text, %(table)s::text))
ORDER BY index.relname
