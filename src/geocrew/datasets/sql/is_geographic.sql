-- One row when the SRID exists: does it measure in degrees, for which PROJ has four names, or in grads?
SELECT
    COALESCE(proj4text ~ '\+proj=(longlat|lonlat|latlong|latlon)\M' OR srtext LIKE 'GEOGCS%%', false),
    COALESCE(srtext ~* '^GEOGCS.*UNIT\["grad"', false)
FROM public.spatial_ref_sys
WHERE srid = %(srid)s
