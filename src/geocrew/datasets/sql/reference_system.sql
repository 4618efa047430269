-- The definition of a coordinate reference system. Old and national ones have no WKT, or nothing at all.
SELECT COALESCE(
        NULLIF(srtext, ''),
        CASE WHEN auth_name IN ('EPSG', 'ESRI') THEN auth_name || ':' || auth_srid END,
        NULLIF(proj4text, '')
    )
FROM public.spatial_ref_sys
WHERE srid = %(srid)s
