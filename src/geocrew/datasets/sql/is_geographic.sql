-- One row when the SRID exists: does it measure in degrees? PROJ has four names for that.
SELECT COALESCE(proj4text ~ '\+proj=(longlat|lonlat|latlong|latlon)\M' OR srtext LIKE 'GEOGCS%%', false)
FROM public.spatial_ref_sys
WHERE srid = %(srid)s
