-- Until the transaction of an import ends, nobody sweeps its file.
SELECT pg_advisory_xact_lock(hashtextextended(%(name)s, 0))
