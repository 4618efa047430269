-- Installed extensions, and whether names without a schema find the geometry type.
SELECT extname, extversion, to_regtype('geometry') IS NOT NULL AS reachable
FROM pg_extension
ORDER BY extname
