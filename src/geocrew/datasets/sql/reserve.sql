-- A catalog row without content yet.
INSERT INTO geocrew.datasets (name, kind, user_id)
VALUES (left(%(name)s, 200), 'reserved', %(user_id)s)
RETURNING id
