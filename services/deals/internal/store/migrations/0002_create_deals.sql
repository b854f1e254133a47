-- +goose Up

-- Pipelines. Those in the bin keep their stages as text in bin_stages, so that no deal can enter one of them.
CREATE TABLE pipelines (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    version         bigint NOT NULL,
    name            text NOT NULL,
    position        int NOT NULL,
    is_default      boolean NOT NULL,
    lost_reasons    jsonb NOT NULL,
    bin_stages      jsonb,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    deleted_at      timestamptz,
    CONSTRAINT pipelines_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT pipelines_default_check CHECK (NOT is_default OR deleted_at IS NULL)
);
CREATE UNIQUE INDEX pipelines_name_key ON pipelines (organization_id, lower(name)) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX pipelines_default_key ON pipelines (organization_id) WHERE is_default;
SELECT kontor_tenant('pipelines');

-- Kinds of stages and states of deals: 1 open, 2 won, 3 lost.
CREATE TABLE stages (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    pipeline_id     uuid NOT NULL,
    kind            smallint NOT NULL,
    position        int NOT NULL,
    name            text NOT NULL,
    color           text NOT NULL,
    probability     int NOT NULL,
    time_limit_days int NOT NULL,
    CONSTRAINT stages_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT stages_place_key UNIQUE (organization_id, pipeline_id, id, kind),
    CONSTRAINT stages_pipeline_fkey FOREIGN KEY (organization_id, pipeline_id) REFERENCES pipelines (organization_id, id),
    CONSTRAINT stages_kind_check CHECK (kind BETWEEN 1 AND 3)
);
SELECT kontor_tenant('stages');

CREATE TABLE deals (
    organization_id       uuid NOT NULL,
    id                    uuid NOT NULL,
    version               bigint NOT NULL,
    name                  text NOT NULL,
    pipeline_id           uuid NOT NULL,
    stage_id              uuid NOT NULL,
    state                 smallint NOT NULL,
    amount                numeric NOT NULL,
    currency              char(3) NOT NULL,
    amount_source         smallint NOT NULL,
    base_amount           numeric,
    base_currency         char(3),
    base_date             date,
    responsible_id        uuid NOT NULL,
    observer_ids          uuid[] NOT NULL,
    type                  text NOT NULL,
    probability           int NOT NULL,
    probability_by_hand   boolean NOT NULL,
    planned_close_date    date,
    company_id            uuid,
    contact_id            uuid,
    parties               jsonb NOT NULL,
    source                text NOT NULL,
    lead_id               uuid,
    comment               text NOT NULL,
    lines                 jsonb NOT NULL,
    product_ids           uuid[] NOT NULL,
    available_to_everyone boolean NOT NULL,
    lost_reason_id        uuid,
    lost_reason           text NOT NULL,
    external_ids          jsonb NOT NULL,
    origin_kind           text NOT NULL,
    origin_id             text NOT NULL,
    creator_id            uuid,
    reopen_stage_id       uuid,
    begun_at              timestamptz,
    stage_entered_at      timestamptz,
    closed_at             timestamptz,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    deleted_at            timestamptz,
    CONSTRAINT deals_pkey PRIMARY KEY (organization_id, id),
    -- No deal without a place: its stage is there, is one of its pipeline, and is of the kind that the deal's state
    -- says. Removing a stage, or changing its kind, waits for whoever is entering it and fails while a deal is in it.
    CONSTRAINT deals_stage_fkey FOREIGN KEY (organization_id, pipeline_id, stage_id, state)
        REFERENCES stages (organization_id, pipeline_id, id, kind),
    CONSTRAINT deals_base_check CHECK ((base_amount IS NULL) = (base_currency IS NULL)),
    CONSTRAINT deals_probability_check CHECK (probability BETWEEN 0 AND 100)
);
SELECT kontor_tenant('deals');

-- Columns of the board, by stage and by responsible user, with the newest arrivals on top.
CREATE INDEX deals_board ON deals (organization_id, pipeline_id, stage_id, stage_entered_at DESC NULLS LAST, id DESC)
    WHERE deleted_at IS NULL;
CREATE INDEX deals_responsible ON deals (organization_id, responsible_id, state, pipeline_id, stage_entered_at DESC NULLS LAST, id DESC)
    WHERE deleted_at IS NULL;
-- Orders of the list.
CREATE INDEX deals_created ON deals (organization_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_updated ON deals (organization_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_amount ON deals (organization_id, amount, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_name ON deals (organization_id, name, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_planned_close ON deals (organization_id, planned_close_date, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_closed ON deals (organization_id, closed_at DESC NULLS LAST, id DESC) WHERE deleted_at IS NULL;
-- What belongs to a client.
CREATE INDEX deals_company ON deals (organization_id, company_id, created_at) WHERE company_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX deals_contact ON deals (organization_id, contact_id, created_at) WHERE contact_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX deals_lead ON deals (organization_id, lead_id) WHERE lead_id IS NOT NULL;
-- What is in a list within the row, and parts of names.
CREATE INDEX deals_products ON deals USING gin (organization_id, product_ids) WHERE deleted_at IS NULL;
CREATE INDEX deals_observers ON deals USING gin (organization_id, observer_ids) WHERE deleted_at IS NULL;
CREATE INDEX deals_name_trgm ON deals USING gin (organization_id, name gin_trgm_ops);
-- What waits for a rate.
CREATE INDEX deals_unrated ON deals (organization_id, currency, base_date) WHERE base_amount IS NULL;
-- What everyone may see, and the bin.
CREATE INDEX deals_available ON deals (organization_id, pipeline_id, stage_id) WHERE available_to_everyone AND deleted_at IS NULL;
CREATE INDEX deals_deleted ON deals (organization_id, deleted_at) WHERE deleted_at IS NOT NULL;

-- A deal's IDs in other systems: each belongs to one deal.
CREATE TABLE deal_external_ids (
    organization_id uuid NOT NULL,
    source          text NOT NULL,
    external_id     text NOT NULL,
    deal_id         uuid NOT NULL,
    CONSTRAINT deal_external_ids_pkey PRIMARY KEY (organization_id, source, external_id),
    CONSTRAINT deal_external_ids_deal_fkey FOREIGN KEY (organization_id, deal_id) REFERENCES deals (organization_id, id)
        ON DELETE CASCADE
);
CREATE INDEX deal_external_ids_deal ON deal_external_ids (organization_id, deal_id);
SELECT kontor_tenant('deal_external_ids');

-- The way of a deal through the stages, append-only. entered_at is null where it is not known.
CREATE TABLE deal_stage_changes (
    organization_id uuid NOT NULL,
    deal_id         uuid NOT NULL,
    version         bigint NOT NULL,
    pipeline_id     uuid NOT NULL,
    from_stage_id   uuid,
    stage_id        uuid NOT NULL,
    entered_at      timestamptz,
    actor           text NOT NULL,
    CONSTRAINT deal_stage_changes_pkey PRIMARY KEY (organization_id, deal_id, version)
);
SELECT kontor_tenant('deal_stage_changes');

-- Sums of the board: totals are what the deltas before came to; a write only adds deltas, a job folds them in. A
-- reader adds up both. month is that of the planned close, '' without one. unrated counts deals without base_amount.
CREATE TABLE board_totals (
    organization_id uuid NOT NULL,
    pipeline_id     uuid NOT NULL,
    stage_id        uuid NOT NULL,
    responsible_id  uuid NOT NULL,
    month           text NOT NULL,
    currency        char(3) NOT NULL,
    deals           bigint NOT NULL,
    amount          numeric NOT NULL,
    base_amount     numeric NOT NULL,
    unrated         bigint NOT NULL,
    CONSTRAINT board_totals_pkey PRIMARY KEY (organization_id, pipeline_id, stage_id, responsible_id, month, currency)
);
SELECT kontor_tenant('board_totals');

CREATE TABLE board_deltas (
    organization_id uuid NOT NULL,
    id              bigint GENERATED ALWAYS AS IDENTITY,
    pipeline_id     uuid NOT NULL,
    stage_id        uuid NOT NULL,
    responsible_id  uuid NOT NULL,
    month           text NOT NULL,
    currency        char(3) NOT NULL,
    deals           bigint NOT NULL,
    amount          numeric NOT NULL,
    base_amount     numeric NOT NULL,
    unrated         bigint NOT NULL,
    CONSTRAINT board_deltas_pkey PRIMARY KEY (organization_id, pipeline_id, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
SELECT kontor_tenant('board_deltas');
REVOKE UPDATE, DELETE, TRUNCATE ON board_deltas FROM kontor_app;
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON board_totals FROM kontor_app;

-- Replicas of what other services own: names of companies, contacts and products, and exchange rates. version is that of
-- the owner's record; what is not newer changes nothing.
CREATE TABLE names (
    organization_id uuid NOT NULL,
    kind            text NOT NULL,
    id              uuid NOT NULL,
    name            text NOT NULL,
    version         bigint NOT NULL,
    CONSTRAINT names_pkey PRIMARY KEY (organization_id, kind, id)
);
SELECT kontor_tenant('names');

CREATE TABLE rates (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    currency        char(3) NOT NULL,
    base_currency   char(3) NOT NULL,
    day             date NOT NULL,
    rate            numeric NOT NULL,
    removed         boolean NOT NULL,
    version         bigint NOT NULL,
    CONSTRAINT rates_pkey PRIMARY KEY (organization_id, id)
);
CREATE INDEX rates_day ON rates (organization_id, currency, base_currency, day DESC) WHERE NOT removed;
SELECT kontor_tenant('rates');
