-- A reserved row gets its content; a row that has some already is left alone.
UPDATE geocrew.datasets
SET name = left(%(name)s, 200),
    kind = %(kind)s,
    registered = %(registered)s,
    schema_name = %(schema_name)s,
    table_name = %(table_name)s,
    key_column = %(key_column)s,
    geometry_column = %(geometry_column)s,
    geometry_type = %(geometry_type)s,
    srid = %(srid)s,
    properties_column = %(properties_column)s,
    properties_fields = %(properties_fields)s,
    row_count = %(row_count)s,
    null_geometry_count = %(null_geometry_count)s,
    bbox = %(bbox)s,
    raster_file = %(raster_file)s,
    raster = %(raster)s,
    job_id = %(job_id)s,
    source = %(source)s
WHERE id = %(id)s AND user_id = %(user_id)s AND kind = 'reserved'
