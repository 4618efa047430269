-- A catalog row without content yet, of the next number that nothing has in its name: AR1's tables may be there.
WITH RECURSIVE tried (id) AS (
    SELECT nextval(pg_get_serial_sequence('geocrew.datasets', 'id'))::integer
    UNION ALL
    SELECT nextval(pg_get_serial_sequence('geocrew.datasets', 'id'))::integer
    FROM tried
    WHERE to_regclass('public.spatial_data_' || tried.id) IS NOT NULL
        OR to_regtype('public.spatial_data_' || tried.id) IS NOT NULL
)
INSERT INTO geocrew.datasets (id, name, kind, user_id)
SELECT id, left(%(name)s, 200), 'reserved', %(user_id)s
FROM tried
WHERE to_regclass('public.spatial_data_' || id) IS NULL AND to_regtype('public.spatial_data_' || id) IS NULL
RETURNING id
