-- In a parallel plan of a statement that writes, PL/pgSQL fails where it asks for a setting in a function that is not stable:
-- "cannot start commands during a parallel operation". As part of the plan the question is asked there, and PL/pgSQL only tells.
CREATE FUNCTION geocrew.tell() RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL SAFE COST 1 AS $$
BEGIN
    RAISE INFO 'geocrew.tick';
    RETURN true;
END
$$;
COMMENT ON FUNCTION geocrew.tell() IS 'Tells the client that the statement has come so far; always true';

CREATE OR REPLACE FUNCTION geocrew.tick() RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL SAFE COST 1
RETURN CASE WHEN current_setting('geocrew.telling', true) = 'on' THEN geocrew.tell() ELSE true END;
