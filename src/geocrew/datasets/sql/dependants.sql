-- Views that read a relation, with the dataset each one is, if any.
SELECT DISTINCT n.nspname::text, v.relname::text, d.id
FROM pg_catalog.pg_depend AS p
JOIN pg_catalog.pg_rewrite AS r ON r.oid = p.objid
JOIN pg_catalog.pg_class AS v ON v.oid = r.ev_class
JOIN pg_catalog.pg_namespace AS n ON n.oid = v.relnamespace
LEFT JOIN geocrew.datasets AS d ON d.schema_name = n.nspname AND d.table_name = v.relname
WHERE p.classid = 'pg_catalog.pg_rewrite'::regclass
    AND p.refclassid = 'pg_catalog.pg_class'::regclass
    AND p.refobjid = %(relation)s::bigint::oid
    AND v.oid <> p.refobjid
ORDER BY 1, 2
