-- The dataset that a relation already is.
SELECT id
FROM geocrew.datasets
WHERE schema_name = %(schema)s AND table_name = %(table)s
