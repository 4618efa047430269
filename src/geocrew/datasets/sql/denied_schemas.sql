-- Those of some schemas in which this session may not create, and its role.
SELECT quote_ident(nspname), quote_ident(current_user)
FROM pg_catalog.pg_namespace
WHERE nspname = ANY (%(names)s::text[])
    AND NOT (has_schema_privilege(oid, 'USAGE') AND has_schema_privilege(oid, 'CREATE'))
ORDER BY 1
