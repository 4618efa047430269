-- One row when the SRID exists: does it measure in degrees?
SELECT proj4text ~ '\+proj=longlat' OR srtext LIKE 'GEOGCS%%'
FROM public.spatial_ref_sys
WHERE srid = %(srid)s
