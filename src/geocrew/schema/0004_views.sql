-- The role that owns and tries the views of create_view: it logs in nowhere and reads granted datasets only.
-- A role belongs to the whole server and may be there already. Where this user may not create one, all else
-- works, and create_view says what is missing.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'geocrew_views') THEN
        CREATE ROLE geocrew_views NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE WARNING 'create_view needs a role that this user may not create; as a superuser: CREATE ROLE geocrew_views NOLOGIN';
END
$$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'geocrew_views') THEN
        GRANT USAGE, CREATE ON SCHEMA geocrew_staging TO geocrew_views;
        GRANT USAGE ON SCHEMA geocrew TO geocrew_views;
    END IF;
END
$$;

-- Whoever creates a role is its administrator but, since PostgreSQL 16, not yet its member.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'geocrew_views')
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper)
    THEN
        EXECUTE format('GRANT geocrew_views TO %I', current_user);
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE WARNING 'create_view needs a membership; as a superuser: GRANT geocrew_views TO %', current_user;
END
$$;
