-- A name that PROJ knows, else the definition itself; NULL where there is none.
SELECT CASE
        WHEN auth_name IN ('EPSG', 'ESRI') THEN auth_name || ':' || auth_srid
        ELSE COALESCE(NULLIF(srtext, ''), NULLIF(proj4text, ''))
    END
FROM public.spatial_ref_sys
WHERE srid = %(srid)s
