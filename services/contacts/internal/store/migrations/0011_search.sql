-- +goose Up

-- Search as one types (CON-14). search_key is what the names, e-mail addresses and tax numbers of a record are folded into
-- (libs/search); NULL in rows from before, until they are filled in. It is what the trigram index is on, in place of
-- name_key: part of a name is part of its search key, once that is folded the same way.
ALTER TABLE companies ADD COLUMN search_key text COLLATE "C";
ALTER TABLE contacts ADD COLUMN search_key text COLLATE "C";
ALTER TABLE leads ADD COLUMN search_key text COLLATE "C";
CREATE INDEX companies_search ON companies USING gin (organization_id, coalesce(search_key, name_key) gin_trgm_ops);
CREATE INDEX companies_unsearchable ON companies (organization_id, id) WHERE search_key IS NULL;
DROP INDEX companies_name_part;
CREATE INDEX contacts_search ON contacts USING gin (organization_id, coalesce(search_key, name_key) gin_trgm_ops);
CREATE INDEX contacts_unsearchable ON contacts (organization_id, id) WHERE search_key IS NULL;
DROP INDEX contacts_name_part;
CREATE INDEX leads_search ON leads USING gin (organization_id, coalesce(search_key, name_key) gin_trgm_ops);
CREATE INDEX leads_unsearchable ON leads (organization_id, id) WHERE search_key IS NULL;
DROP INDEX leads_name_part;

-- Parts of names, as in 0003: part is the pattern's counterpart for search keys.
DROP FUNCTION companies_named(text, bigint);
CREATE FUNCTION companies_named(pattern text, part text, at_most bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 200
AS $$
    WITH hits AS MATERIALIZED (
        SELECT id FROM companies
        WHERE organization_id = current_setting('kontor.organization')::uuid AND coalesce(search_key, name_key) LIKE part
            AND name_key LIKE pattern
    )
    SELECT id FROM hits LIMIT at_most
$$;
DROP FUNCTION contacts_named(text, bigint);
CREATE FUNCTION contacts_named(pattern text, part text, at_most bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 200
AS $$
    WITH hits AS MATERIALIZED (
        SELECT id FROM contacts
        WHERE organization_id = current_setting('kontor.organization')::uuid AND coalesce(search_key, name_key) LIKE part
            AND name_key LIKE pattern
    )
    SELECT id FROM hits LIMIT at_most
$$;
DROP FUNCTION leads_named(text, bigint);
CREATE FUNCTION leads_named(pattern text, part text, at_most bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 200
AS $$
    WITH hits AS MATERIALIZED (
        SELECT id FROM leads
        WHERE organization_id = current_setting('kontor.organization')::uuid AND coalesce(search_key, name_key) LIKE part
            AND name_key LIKE pattern
    )
    SELECT id FROM hits LIMIT at_most
$$;

-- Names much like another, as in 0005: key_part is the name folded as search keys are. A search key holds more than the name, so
-- that the share of the name's trigrams that are in it is what the index is asked for.
DROP FUNCTION companies_alike(text, bigint);
CREATE FUNCTION companies_alike(looked_for text, key_part text, at_most bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET pg_trgm.word_similarity_threshold = 0.5 ROWS 50
AS $$
    WITH hits AS MATERIALIZED (
        SELECT id, similarity(name_key, looked_for) AS alike FROM companies
        WHERE organization_id = current_setting('kontor.organization')::uuid AND key_part <% coalesce(search_key, name_key)
            AND deleted_at IS NULL
    )
    SELECT id FROM hits WHERE alike >= 0.45 ORDER BY alike DESC, id LIMIT at_most
$$;
DROP FUNCTION contacts_alike(text, bigint);
CREATE FUNCTION contacts_alike(looked_for text, key_part text, at_most bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET pg_trgm.word_similarity_threshold = 0.5 ROWS 50
AS $$
    WITH hits AS MATERIALIZED (
        SELECT id, similarity(name_key, looked_for) AS alike FROM contacts
        WHERE organization_id = current_setting('kontor.organization')::uuid AND key_part <% coalesce(search_key, name_key)
            AND deleted_at IS NULL
    )
    SELECT id FROM hits WHERE alike >= 0.45 ORDER BY alike DESC, id LIMIT at_most
$$;
DROP FUNCTION leads_alike(text, bigint);
CREATE FUNCTION leads_alike(looked_for text, key_part text, at_most bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET pg_trgm.word_similarity_threshold = 0.5 ROWS 50
AS $$
    WITH hits AS MATERIALIZED (
        SELECT id, similarity(name_key, looked_for) AS alike FROM leads
        WHERE organization_id = current_setting('kontor.organization')::uuid AND key_part <% coalesce(search_key, name_key)
            AND deleted_at IS NULL
    )
    SELECT id FROM hits WHERE alike >= 0.45 ORDER BY alike DESC, id LIMIT at_most
$$;

-- search_candidates returns records whose search key is like every pattern and has all words, or ones alike by the setting
-- pg_trgm.word_similarity_threshold: those that are most alike, then the shortest, of the first two thousand found. scope
-- are the users whose records the viewer sees, NULL for all. An owner's function for the reason given at companies_named;
-- sequential scans are off because a limit makes the planner hope to come across enough hits without the index.
-- +goose StatementBegin
CREATE FUNCTION search_candidates(kind text, words text[], patterns text[], scope uuid[], viewer uuid, at_most int)
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off SET enable_indexscan = off
AS $$
DECLARE
    tab text := CASE kind WHEN 'company' THEN 'companies' WHEN 'contact' THEN 'contacts' WHEN 'lead' THEN 'leads' END;
    key text := 'coalesce(search_key, name_key)';
    cond text := '';
    rank text := 'length(key) * 0.001';
    w text;
BEGIN
    FOREACH w IN ARRAY patterns LOOP
        cond := cond || format(' AND %s LIKE %L', key, w);
    END LOOP;
    FOREACH w IN ARRAY words LOOP
        cond := cond || format(' AND %L <%% %s', w, key);
        rank := rank || format(' - word_similarity(%L, key)', w);
    END LOOP;
    IF scope IS NOT NULL THEN
        cond := cond || ' AND (responsible_id = ANY($1) OR everyone OR $2 = ANY(observer_ids))';
    END IF;
    RETURN QUERY EXECUTE format($q$
        SELECT id
        FROM (
            SELECT id, %s AS key FROM %I
            WHERE organization_id = current_setting('kontor.organization')::uuid AND deleted_at IS NULL%s
            LIMIT 2000
        ) AS found
        ORDER BY %s, id
        LIMIT %s$q$, key, tab, cond, rank, at_most) USING scope, viewer;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION search_candidates(text, text[], text[], uuid[], uuid, int),
    companies_named(text, text, bigint), contacts_named(text, text, bigint), leads_named(text, text, bigint),
    companies_alike(text, text, bigint), contacts_alike(text, text, bigint), leads_alike(text, text, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_candidates(text, text[], text[], uuid[], uuid, int),
    companies_named(text, text, bigint), contacts_named(text, text, bigint), leads_named(text, text, bigint),
    companies_alike(text, text, bigint), contacts_alike(text, text, bigint), leads_alike(text, text, bigint) TO kontor_app;
