-- A reserved row, kept as it is until the end of the transaction; no row: it is not reserved any more.
SELECT id
FROM geocrew.datasets
WHERE id = %(id)s AND user_id = %(user_id)s AND kind = 'reserved'
FOR UPDATE
