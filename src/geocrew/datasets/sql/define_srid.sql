-- A name that PROJ knows, else the definition itself.
SELECT CASE WHEN auth_name IN ('EPSG', 'ESRI') THEN auth_name || ':' || auth_srid ELSE srtext END
FROM public.spatial_ref_sys
WHERE srid = %(srid)s
