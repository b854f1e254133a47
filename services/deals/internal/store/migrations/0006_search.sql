-- +goose Up

-- Search as one types (CON-14). search_key is what the names and numbers of a record are folded into (libs/search); NULL in
-- rows from before, until they are filled in.
ALTER TABLE deals ADD COLUMN search_key text COLLATE "C";
CREATE INDEX deals_search ON deals USING gin (organization_id, search_key gin_trgm_ops);
CREATE INDEX deals_unsearchable ON deals (organization_id, id) WHERE search_key IS NULL;
-- Row-level security holds back operators that might tell what they compare; the function below runs as the owner, whose
-- policy hides nothing, and holds the organisation's condition itself.
CREATE POLICY search ON deals FOR SELECT TO CURRENT_USER USING (true);

-- search_candidates returns records whose search key is like every pattern and has all words, or ones alike by the setting
-- pg_trgm.word_similarity_threshold: those that are most alike, then the shortest, of the first two thousand found. scope
-- are the users whose records the viewer sees, NULL for all. Sequential scans are off because a limit makes the planner hope to come across enough hits without the index.
-- +goose StatementBegin
CREATE FUNCTION search_candidates(kind text, words text[], patterns text[], scope uuid[], viewer uuid, at_most int)
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off SET enable_indexscan = off
AS $$
DECLARE
    tab text := CASE kind WHEN 'deal' THEN 'deals' END;
    key text := 'search_key';
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
        cond := cond || ' AND (responsible_id = ANY($1) OR available_to_everyone OR $2 = ANY(observer_ids))';
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
REVOKE ALL ON FUNCTION search_candidates(text, text[], text[], uuid[], uuid, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_candidates(text, text[], text[], uuid[], uuid, int) TO kontor_app;
