-- The row alone; its table, view or file is dropped by the caller in the same transaction.
DELETE FROM geocrew.datasets
WHERE id = %(id)s
