-- The parts of a possibly quoted, possibly qualified name, read as PostgreSQL reads it.
SELECT parse_ident(%(name)s)
