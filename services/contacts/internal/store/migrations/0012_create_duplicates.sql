-- +goose Up

-- Pairs that scans for duplicates have found (CON-16); those that were dismissed are kept whatever a later scan finds.
CREATE TABLE duplicate_pairs (
    organization_id uuid NOT NULL,
    kind            text NOT NULL,
    first_id        uuid NOT NULL,
    second_id       uuid NOT NULL,
    score           double precision NOT NULL,
    reasons         text[] NOT NULL,
    -- The operation that found it last.
    scan_id         uuid NOT NULL,
    dismissed_at    timestamptz,
    dismissed_by    uuid,
    CONSTRAINT duplicate_pairs_pkey PRIMARY KEY (organization_id, kind, first_id, second_id),
    CONSTRAINT duplicate_pairs_order CHECK (first_id < second_id)
);
SELECT kontor_tenant('duplicate_pairs');
CREATE INDEX duplicate_pairs_surest ON duplicate_pairs (organization_id, kind, score DESC, first_id, second_id) WHERE dismissed_at IS NULL;
