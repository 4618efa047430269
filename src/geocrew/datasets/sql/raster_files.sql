-- The files that datasets point to.
SELECT raster_file
FROM geocrew.datasets
WHERE raster_file IS NOT NULL
