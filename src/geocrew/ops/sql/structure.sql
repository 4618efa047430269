-- The newest migration, and what is being built now.
SELECT (SELECT COALESCE(max(version), 0) FROM geocrew.schema_migrations) AS schema_version,
    (SELECT count(*) FROM pg_class
     WHERE relnamespace = to_regnamespace('geocrew_staging') AND relkind IN ('r', 'v', 'm')) AS staging_relations
