-- +goose Up

-- What duplicates are recognised by beside numbers and e-mail addresses (CON-15), as package alike makes it: keys of names and
-- addresses, tax numbers. Records made before get their rows when they are changed next.
ALTER TABLE contact_points DROP CONSTRAINT contact_points_kind_known;
ALTER TABLE contact_points ADD CONSTRAINT contact_points_kind_known
    CHECK (kind IN ('phone', 'email', 'tax', 'name', 'address')) NOT VALID;
ALTER TABLE contact_points VALIDATE CONSTRAINT contact_points_kind_known;

-- Records whose name is much like another. Owner's functions for the reason given at companies_named.
CREATE FUNCTION companies_alike(name text, at_most bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 50
AS $$
    WITH hits AS MATERIALIZED (
        SELECT id, similarity(name_key, name) AS alike FROM companies
        WHERE organization_id = current_setting('kontor.organization')::uuid AND name_key % name AND deleted_at IS NULL
    )
    SELECT id FROM hits WHERE alike >= 0.45 ORDER BY alike DESC, id LIMIT at_most
$$;
CREATE FUNCTION contacts_alike(name text, at_most bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 50
AS $$
    WITH hits AS MATERIALIZED (
        SELECT id, similarity(name_key, name) AS alike FROM contacts
        WHERE organization_id = current_setting('kontor.organization')::uuid AND name_key % name AND deleted_at IS NULL
    )
    SELECT id FROM hits WHERE alike >= 0.45 ORDER BY alike DESC, id LIMIT at_most
$$;
CREATE FUNCTION leads_alike(name text, at_most bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 50
AS $$
    WITH hits AS MATERIALIZED (
        SELECT id, similarity(name_key, name) AS alike FROM leads
        WHERE organization_id = current_setting('kontor.organization')::uuid AND name_key % name AND deleted_at IS NULL
    )
    SELECT id FROM hits WHERE alike >= 0.45 ORDER BY alike DESC, id LIMIT at_most
$$;
REVOKE ALL ON FUNCTION companies_alike(text, bigint), contacts_alike(text, bigint), leads_alike(text, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION companies_alike(text, bigint), contacts_alike(text, bigint), leads_alike(text, bigint) TO kontor_app;
