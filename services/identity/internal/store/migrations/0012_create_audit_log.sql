-- +goose Up

-- The audit log (ID-10): what somebody did, in a chain for each organisation. docs/audit.md says what is hashed.
CREATE TABLE audit_entries (
    organization_id uuid NOT NULL,
    sequence        bigint NOT NULL,
    -- The event that the entry comes from: no event makes two.
    event_id        uuid NOT NULL,
    type            text NOT NULL,
    -- audit.Class
    class           smallint NOT NULL,
    kind            text NOT NULL,
    record_id       uuid NOT NULL,
    version         bigint NOT NULL,
    action          text NOT NULL,
    actor           text NOT NULL,
    address         text NOT NULL,
    request_id      text NOT NULL,
    trace_id        text NOT NULL,
    cause           text NOT NULL,
    happened_at     timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL,
    -- SHA-256 of salt and payload, which both go when the person is erased (decisions 7).
    values_hash     bytea NOT NULL,
    salt            bytea,
    payload         bytea,
    -- SHA-256 of the hash before and of all above.
    hash            bytea NOT NULL,
    CONSTRAINT audit_entries_pkey PRIMARY KEY (organization_id, sequence),
    CONSTRAINT audit_entries_event_key UNIQUE (organization_id, event_id)
);
SELECT kontor_tenant('audit_entries');
-- Append-only: the application adds and reads; kontor_system may take the values away, and no more (the trigger).
REVOKE UPDATE, DELETE, TRUNCATE ON audit_entries FROM kontor_app, kontor_system;
GRANT UPDATE (salt, payload) ON audit_entries TO kontor_system;

-- Lists go by time, and by what few entries have in common.
CREATE INDEX audit_entries_time ON audit_entries (organization_id, happened_at, event_id);
CREATE INDEX audit_entries_record ON audit_entries (organization_id, record_id, happened_at);
CREATE INDEX audit_entries_actor ON audit_entries (organization_id, actor, happened_at);
CREATE INDEX audit_entries_kind ON audit_entries (organization_id, kind, happened_at) WHERE class <> 3;
CREATE INDEX audit_entries_class ON audit_entries (organization_id, class, happened_at) WHERE class <> 3;
CREATE INDEX audit_entries_action ON audit_entries (organization_id, action, happened_at) WHERE action <> 'created' AND action <> 'updated';
CREATE INDEX audit_entries_address ON audit_entries (organization_id, address, happened_at) WHERE address <> '';
CREATE INDEX audit_entries_request ON audit_entries (organization_id, request_id) WHERE request_id <> '';

-- +goose StatementBegin
CREATE FUNCTION audit_entries_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.salt IS NULL AND NEW.payload IS NULL THEN
            NEW.salt := OLD.salt;
            NEW.payload := OLD.payload;
            IF NEW IS NOT DISTINCT FROM OLD THEN
                NEW.salt := NULL;
                NEW.payload := NULL;
                RETURN NEW;
            END IF;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is only added to' USING ERRCODE = 'restrict_violation';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION audit_entries_stay();
CREATE TRIGGER audit_entries_stay_all BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_stay();

-- The end of each chain. Who appends holds its row.
CREATE TABLE audit_heads (
    organization_id uuid NOT NULL,
    sequence        bigint NOT NULL,
    hash            bytea NOT NULL,
    -- By a key that is not in the database.
    seal            bytea NOT NULL,
    CONSTRAINT audit_heads_pkey PRIMARY KEY (organization_id)
) WITH (fillfactor = 50);
SELECT kontor_tenant('audit_heads');
REVOKE DELETE, TRUNCATE ON audit_heads FROM kontor_app, kontor_system;
