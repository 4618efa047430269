-- Files whose import has ended, well or not: only its transaction holds their lock.
SELECT name
FROM unnest(%(names)s::text[]) AS name
WHERE pg_try_advisory_xact_lock(hashtextextended(name, 0))
