-- The GEOS that PostGIS works with.
SELECT postgis_geos_version()
