-- The GEOS that PostGIS works with, such as 3.11.1-CAPI-1.17.1.
SELECT postgis_geos_version()
