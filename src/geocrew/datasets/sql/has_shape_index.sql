-- Whether the shapes of a relation have a spatial index.
SELECT EXISTS (
    SELECT
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_am AS am ON am.oid = c.relam AND am.amname = 'gist'
    JOIN pg_opclass AS o ON o.oid = i.indclass[0] AND o.opcname = 'gist_geometry_ops_2d'
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = to_regclass(format('%%I.%%I', %(schema)s::text, %(table)s::text))
        AND a.attname = %(column)s AND i.indisvalid AND i.indpred IS NULL
)
