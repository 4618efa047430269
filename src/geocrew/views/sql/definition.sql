-- A view's number, and the view as PostgreSQL has understood it: relations, functions and operators by their numbers.
SELECT c.oid::bigint, r.ev_action::text
FROM pg_catalog.pg_rewrite AS r
JOIN pg_catalog.pg_class AS c ON c.oid = r.ev_class
WHERE c.relnamespace = to_regnamespace(%(schema)s) AND c.relname = %(name)s AND r.rulename = '_RETURN'
