-- +goose Up

-- Names much like another, as in 0011, among the records that a viewer sees, so that those of others take nobody's place: scope
-- are the users whose records the viewer sees, NULL for all.
CREATE FUNCTION companies_alike(looked_for text, key_part text, scope uuid[], viewer uuid, at_most bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET pg_trgm.word_similarity_threshold = 0.5 ROWS 50
AS $$
    WITH hits AS MATERIALIZED (
        SELECT id, similarity(name_key, looked_for) AS alike FROM companies
        WHERE organization_id = current_setting('kontor.organization')::uuid AND key_part <% coalesce(search_key, name_key)
            AND deleted_at IS NULL AND (scope IS NULL OR responsible_id = ANY(scope) OR everyone OR viewer = ANY(observer_ids))
    )
    SELECT id FROM hits WHERE alike >= 0.45 ORDER BY alike DESC, id LIMIT at_most
$$;
CREATE FUNCTION contacts_alike(looked_for text, key_part text, scope uuid[], viewer uuid, at_most bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET pg_trgm.word_similarity_threshold = 0.5 ROWS 50
AS $$
    WITH hits AS MATERIALIZED (
        SELECT id, similarity(name_key, looked_for) AS alike FROM contacts
        WHERE organization_id = current_setting('kontor.organization')::uuid AND key_part <% coalesce(search_key, name_key)
            AND deleted_at IS NULL AND (scope IS NULL OR responsible_id = ANY(scope) OR everyone OR viewer = ANY(observer_ids))
    )
    SELECT id FROM hits WHERE alike >= 0.45 ORDER BY alike DESC, id LIMIT at_most
$$;
CREATE FUNCTION leads_alike(looked_for text, key_part text, scope uuid[], viewer uuid, at_most bigint) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET pg_trgm.word_similarity_threshold = 0.5 ROWS 50
AS $$
    WITH hits AS MATERIALIZED (
        SELECT id, similarity(name_key, looked_for) AS alike FROM leads
        WHERE organization_id = current_setting('kontor.organization')::uuid AND key_part <% coalesce(search_key, name_key)
            AND deleted_at IS NULL AND (scope IS NULL OR responsible_id = ANY(scope) OR everyone OR viewer = ANY(observer_ids))
    )
    SELECT id FROM hits WHERE alike >= 0.45 ORDER BY alike DESC, id LIMIT at_most
$$;
DROP FUNCTION companies_alike(text, text, bigint);
DROP FUNCTION contacts_alike(text, text, bigint);
DROP FUNCTION leads_alike(text, text, bigint);
REVOKE ALL ON FUNCTION companies_alike(text, text, uuid[], uuid, bigint), contacts_alike(text, text, uuid[], uuid, bigint),
    leads_alike(text, text, uuid[], uuid, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION companies_alike(text, text, uuid[], uuid, bigint), contacts_alike(text, text, uuid[], uuid, bigint),
    leads_alike(text, text, uuid[], uuid, bigint) TO kontor_app;
