-- The number under which the database knows a system.
SELECT srid
FROM public.spatial_ref_sys
WHERE auth_name = %(authority)s AND auth_srid = %(code)s
ORDER BY srid
LIMIT 1
