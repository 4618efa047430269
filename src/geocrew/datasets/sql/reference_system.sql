-- The definition of a coordinate reference system.
SELECT srtext
FROM spatial_ref_sys
WHERE srid = %(srid)s
