-- A statement that runs tells its client of rows that it has made: 'geocrew.tick' once for each call.

-- INFO is sent to a client whatever client_min_messages says, and to no log that is not told to hold it. What parallel
-- workers say their leader passes on.
CREATE FUNCTION geocrew.tick() RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL SAFE COST 1 AS $$
BEGIN
    RAISE INFO 'geocrew.tick';
    RETURN true;
END
$$;
COMMENT ON FUNCTION geocrew.tick() IS 'Tells the client that the statement has come so far; always true';
