-- One dataset by id.
SELECT id, user_id, name, kind, registered, schema_name, table_name, key_column, geometry_column, geometry_type,
    srid, properties_column, properties_fields, row_count, null_geometry_count, bbox, raster_file, raster,
    job_id, source
FROM geocrew.datasets
WHERE id = %(id)s
