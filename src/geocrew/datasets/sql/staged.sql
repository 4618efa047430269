-- Relations in the staging schema, with their kind.
SELECT relname, relkind::text
FROM pg_class
WHERE relnamespace = to_regnamespace(%(schema)s) AND relkind IN ('r', 'v', 'm')
ORDER BY relname
