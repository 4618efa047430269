-- What a refreshed view holds now.
UPDATE geocrew.datasets
SET row_count = %(row_count)s,
    null_geometry_count = %(null_geometry_count)s,
    bbox = %(bbox)s
WHERE id = %(id)s AND kind = 'materialized_view'
