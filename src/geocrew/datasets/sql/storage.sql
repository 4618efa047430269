-- The file that holds a relation's rows: another one after CLUSTER, VACUUM FULL, TRUNCATE or REFRESH.
SELECT pg_relation_filenode(to_regclass(format('%%I.%%I', %(schema)s::text, %(table)s::text)))::bigint
