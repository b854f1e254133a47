-- +goose Up

-- Records of contacts that are part of another (CON-16); into_id is null for one that is one of its own again. References by
-- old IDs are accepted with it.
CREATE TABLE merged_clients (
    organization_id uuid NOT NULL,
    kind            text NOT NULL,
    id              uuid NOT NULL,
    into_id         uuid,
    -- Of the record: what is told late or again changes nothing.
    version         bigint NOT NULL,
    CONSTRAINT merged_clients_pkey PRIMARY KEY (organization_id, kind, id)
);
SELECT kontor_tenant('merged_clients');

-- Whom deals were with before a merge, and after it. Gone when the merge is undone.
CREATE TABLE merge_follows (
    organization_id uuid NOT NULL,
    merge_id        uuid NOT NULL,
    deal_id         uuid NOT NULL,
    before          jsonb NOT NULL,
    after           jsonb NOT NULL,
    CONSTRAINT merge_follows_pkey PRIMARY KEY (organization_id, merge_id, deal_id),
    CONSTRAINT merge_follows_deal_fkey FOREIGN KEY (organization_id, deal_id) REFERENCES deals (organization_id, id) ON DELETE CASCADE
);
SELECT kontor_tenant('merge_follows');

-- The deals that a company or contact takes part in.
CREATE INDEX deals_parties ON deals USING gin (organization_id, parties jsonb_path_ops) WHERE parties <> '[]';
