-- +goose Up

-- The search for a part of a name returns at most so many records: more than that and it is better to compare row by row
-- on the way through the list's order (store.resolve). Materialized, so that the limit does not make the planner hope to
-- come across enough hits without the index.
DROP FUNCTION companies_named(text);
DROP FUNCTION contacts_named(text);
DROP FUNCTION leads_named(text);

CREATE FUNCTION companies_named(pattern text, at_most bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 200
AS $$
    WITH hits AS MATERIALIZED (
        SELECT id FROM companies
        WHERE organization_id = current_setting('kontor.organization')::uuid AND name_key LIKE pattern
    )
    SELECT id FROM hits LIMIT at_most
$$;
CREATE FUNCTION contacts_named(pattern text, at_most bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 200
AS $$
    WITH hits AS MATERIALIZED (
        SELECT id FROM contacts
        WHERE organization_id = current_setting('kontor.organization')::uuid AND name_key LIKE pattern
    )
    SELECT id FROM hits LIMIT at_most
$$;
CREATE FUNCTION leads_named(pattern text, at_most bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 200
AS $$
    WITH hits AS MATERIALIZED (
        SELECT id FROM leads
        WHERE organization_id = current_setting('kontor.organization')::uuid AND name_key LIKE pattern
    )
    SELECT id FROM hits LIMIT at_most
$$;
REVOKE ALL ON FUNCTION companies_named(text, bigint), contacts_named(text, bigint), leads_named(text, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION companies_named(text, bigint), contacts_named(text, bigint), leads_named(text, bigint) TO kontor_app;
