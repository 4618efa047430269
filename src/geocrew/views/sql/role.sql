-- The role of views, if it is there: is it more than it should be, and is all in place to work as it?
SELECT rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls,
    pg_has_role(rolname, 'MEMBER') AND has_schema_privilege(rolname, 'geocrew_staging', 'CREATE')
        AND has_schema_privilege(rolname, 'geocrew', 'USAGE')
FROM pg_catalog.pg_roles
WHERE rolname = 'geocrew_views'
