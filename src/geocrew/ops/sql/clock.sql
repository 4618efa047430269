-- The database's clock, which all leases go by.
SELECT extract(epoch FROM clock_timestamp())::float8
