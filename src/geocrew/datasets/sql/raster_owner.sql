-- Eight letters for this database: several may keep their rasters in one directory.
SELECT left(md5(control.system_identifier::text || '/' || base.oid::text), 8)
FROM pg_catalog.pg_control_system() AS control, pg_catalog.pg_database AS base
WHERE base.datname = pg_catalog.current_database()
