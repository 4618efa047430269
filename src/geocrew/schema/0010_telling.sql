-- Only who listens is told: a materialized view tells of its rows as it is filled, and whoever refreshes it by hand wants no
-- messages of ours.
CREATE OR REPLACE FUNCTION geocrew.tick() RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL SAFE COST 1 AS $$
BEGIN
    IF current_setting('geocrew.telling', true) = 'on' THEN
        RAISE INFO 'geocrew.tick';
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION geocrew.tick() IS 'Tells a client that listens that the statement has come so far; always true';
