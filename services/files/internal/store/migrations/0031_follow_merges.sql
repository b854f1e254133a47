-- +goose Up

-- What consumers know (libs/inbox). Global tables: a consumer serves all organisations; kontor_system keeps them.
CREATE TABLE inbox_positions (
    consumer      text NOT NULL,
    topic         text NOT NULL,
    partition     int NOT NULL,
    -- The offset to read next; all below has been applied or parked.
    next_offset   bigint NOT NULL,
    -- The partition's end as last seen.
    end_offset    bigint NOT NULL,
    -- When the last applied event happened.
    last_event_at timestamptz,
    applied_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT inbox_positions_pkey PRIMARY KEY (consumer, topic, partition)
);
-- Readable, so that a report can say how fresh it is.
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON inbox_positions FROM kontor_app;

-- Events that could not be applied, and later ones of the same key behind them.
CREATE TABLE inbox_parked (
    consumer     text NOT NULL,
    topic        text NOT NULL,
    partition    int NOT NULL,
    "offset"     bigint NOT NULL,
    key          text NOT NULL,
    event_id     text NOT NULL,
    type         text NOT NULL,
    -- The message as it came: names and values of the headers, and the payload.
    header_names text[] NOT NULL,
    header_values bytea[] NOT NULL,
    payload      bytea NOT NULL,
    -- Why it is parked; empty if it only queues behind another.
    error        text NOT NULL,
    -- Asked to be tried again.
    unpark       boolean NOT NULL DEFAULT false,
    parked_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT inbox_parked_pkey PRIMARY KEY (consumer, topic, partition, "offset")
);
CREATE INDEX inbox_parked_key ON inbox_parked (consumer, topic, partition, key, "offset");
REVOKE ALL ON inbox_parked FROM kontor_app;

-- Records of contacts that are part of another (CON-16); into_id is null for one that is one of its own again.
CREATE TABLE merged_records (
    organization_id uuid NOT NULL,
    kind            text NOT NULL,
    id              uuid NOT NULL,
    into_id         uuid,
    -- Of the record: what is told late or again changes nothing.
    version         bigint NOT NULL,
    CONSTRAINT merged_records_pkey PRIMARY KEY (organization_id, kind, id)
);
CREATE INDEX merged_records_into ON merged_records (organization_id, kind, into_id) WHERE into_id IS NOT NULL;
SELECT kontor_tenant('merged_records');

-- What files were put on that followed it into another record. A file that is where it was put has no row.
CREATE TABLE file_homes (
    organization_id uuid NOT NULL,
    file_id         uuid NOT NULL,
    record_kind     text NOT NULL,
    record_id       uuid NOT NULL,
    CONSTRAINT file_homes_pkey PRIMARY KEY (organization_id, file_id),
    CONSTRAINT file_homes_file_fkey FOREIGN KEY (organization_id, file_id) REFERENCES files (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX file_homes_record ON file_homes (organization_id, record_kind, record_id);
SELECT kontor_tenant('file_homes');
