-- A shape of straight lines without its empty members: PostGIS 3.3 fails on an empty member of a MultiSurface in ST_IsValid,
-- ST_Centroid and ST_CurveToLine, and makes a line of what it finds in memory of one of a MultiCurve. NULL where all is empty.
CREATE FUNCTION geocrew.straighten(shape geometry) RETURNS geometry
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    kind text := rtrim(GeometryType(shape), 'M');
    members geometry[];
BEGIN
    IF ST_IsEmpty(shape) THEN
        RETURN NULL;
    END IF;
    IF kind <> 'GEOMETRYCOLLECTION' AND kind NOT LIKE 'MULTI%' THEN
        RETURN ST_CurveToLine(shape);
    END IF;
    SELECT array_agg(member ORDER BY i) INTO members
    FROM generate_series(1, ST_NumGeometries(shape)) AS i, geocrew.straighten(ST_GeometryN(shape, i)) AS member
    WHERE member IS NOT NULL;
    RETURN CASE WHEN kind = 'GEOMETRYCOLLECTION' THEN ST_ForceCollection(ST_Collect(members)) ELSE ST_Collect(members) END;
END
$$;
