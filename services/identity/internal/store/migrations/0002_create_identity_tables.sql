-- +goose Up

-- Organisations and their settings (ID-13). Its own ID is what rows are kept apart by.
CREATE TABLE organizations (
    organization_id         uuid NOT NULL,
    name                    text NOT NULL,
    logo_file_id            uuid,
    time_zone               text NOT NULL,
    language                text NOT NULL,
    country                 char(2) NOT NULL,
    base_currency           char(3) NOT NULL,
    week_start              smallint NOT NULL,
    fiscal_year_start_month smallint NOT NULL,
    working_calendar        jsonb NOT NULL,
    modules                 jsonb NOT NULL,
    -- Without the password, which is encrypted beside it.
    smtp                    jsonb,
    smtp_password           bytea,
    version                 bigint NOT NULL,
    created_at              timestamptz NOT NULL,
    updated_at              timestamptz NOT NULL,
    CONSTRAINT organizations_pkey PRIMARY KEY (organization_id)
);
SELECT kontor_tenant('organizations');

CREATE TABLE roles (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    -- Of ready-made roles; empty for an organisation's own.
    code            text NOT NULL,
    name            text NOT NULL,
    description     text NOT NULL,
    grants          jsonb NOT NULL,
    version         bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT roles_pkey PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX roles_code_key ON roles (organization_id, code) WHERE code <> '';
CREATE INDEX roles_name ON roles (organization_id, name, id);
SELECT kontor_tenant('roles');

CREATE TABLE departments (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    name            text NOT NULL,
    parent_id       uuid,
    head_id         uuid,
    version         bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    -- When it was put into the bin.
    deleted_at      timestamptz,
    CONSTRAINT departments_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT departments_parent_fkey FOREIGN KEY (organization_id, parent_id) REFERENCES departments (organization_id, id)
);
CREATE UNIQUE INDEX departments_name_key ON departments
    (organization_id, coalesce(parent_id, '00000000-0000-0000-0000-000000000000'), lower(name)) WHERE deleted_at IS NULL;
CREATE INDEX departments_name ON departments (organization_id, name, id);
CREATE INDEX departments_head ON departments (organization_id, head_id) WHERE head_id IS NOT NULL;
SELECT kontor_tenant('departments');

-- Persons' memberships in organisations (ID-2).
CREATE TABLE users (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    -- The person, in accounts; no foreign key, since accounts belong to no organisation.
    account_id      uuid NOT NULL,
    name            text NOT NULL,
    -- Normalised: lower case.
    email           text NOT NULL,
    phones          jsonb NOT NULL,
    sip_extension   text NOT NULL,
    photo_file_id   uuid,
    locale          text NOT NULL,
    time_zone       text NOT NULL,
    department_id   uuid,
    role_ids        uuid[] NOT NULL,
    working_hours   jsonb NOT NULL,
    absent_from     timestamptz,
    absent_to       timestamptz,
    active          boolean NOT NULL,
    deactivated_at  timestamptz,
    version         bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT users_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT users_email_key UNIQUE (organization_id, email),
    CONSTRAINT users_account_key UNIQUE (organization_id, account_id),
    CONSTRAINT users_department_fkey FOREIGN KEY (organization_id, department_id) REFERENCES departments (organization_id, id)
);
CREATE UNIQUE INDEX users_sip_extension_key ON users (organization_id, sip_extension) WHERE sip_extension <> '';
CREATE INDEX users_name ON users (organization_id, name, id);
CREATE INDEX users_name_folded ON users (organization_id, lower(name));
CREATE INDEX users_department ON users (organization_id, department_id) WHERE department_id IS NOT NULL;
CREATE INDEX users_roles ON users USING gin (organization_id, role_ids);
-- The memberships of a person, for the sign-in, which does not know the organisation yet.
CREATE INDEX users_account ON users (account_id);
SELECT kontor_tenant('users');

ALTER TABLE departments ADD CONSTRAINT departments_head_fkey
    FOREIGN KEY (organization_id, head_id) REFERENCES users (organization_id, id);

-- IDs of users and departments in other systems (decisions 18).
CREATE TABLE external_ids (
    organization_id uuid NOT NULL,
    kind            text NOT NULL,
    source          text NOT NULL,
    external_id     text NOT NULL,
    record_id       uuid NOT NULL,
    CONSTRAINT external_ids_pkey PRIMARY KEY (organization_id, kind, source, external_id)
);
CREATE INDEX external_ids_record ON external_ids (organization_id, kind, record_id);
SELECT kontor_tenant('external_ids');

CREATE TABLE service_accounts (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    name            text NOT NULL,
    department_id   uuid,
    role_ids        uuid[] NOT NULL,
    active          boolean NOT NULL,
    version         bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT service_accounts_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT service_accounts_department_fkey FOREIGN KEY (organization_id, department_id) REFERENCES departments (organization_id, id)
);
CREATE INDEX service_accounts_name ON service_accounts (organization_id, name, id);
SELECT kontor_tenant('service_accounts');

-- API keys without what they are checked by, which is in api_key_hashes (ID-8).
CREATE TABLE api_keys (
    organization_id    uuid NOT NULL,
    id                 uuid NOT NULL,
    name               text NOT NULL,
    service_account_id uuid NOT NULL,
    networks           text[] NOT NULL,
    expires_at         timestamptz,
    revoked_at         timestamptz,
    last_used_at       timestamptz,
    last_used_address  text NOT NULL,
    version            bigint NOT NULL,
    created_at         timestamptz NOT NULL,
    created_by         text NOT NULL,
    CONSTRAINT api_keys_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT api_keys_service_account_fkey FOREIGN KEY (organization_id, service_account_id)
        REFERENCES service_accounts (organization_id, id)
);
CREATE INDEX api_keys_name ON api_keys (organization_id, name, id);
CREATE INDEX api_keys_service_account ON api_keys (organization_id, service_account_id);
SELECT kontor_tenant('api_keys');

-- Sign-ins (ID-7); their refresh tokens are in refresh_tokens.
CREATE TABLE sessions (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    user_id         uuid NOT NULL,
    account_id      uuid NOT NULL,
    address         text NOT NULL,
    user_agent      text NOT NULL,
    last_address    text NOT NULL,
    created_at      timestamptz NOT NULL,
    last_used_at    timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    -- Numbered as SessionEndReason.
    end_reason      smallint NOT NULL DEFAULT 0,
    version         bigint NOT NULL,
    CONSTRAINT sessions_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT sessions_user_fkey FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id)
);
CREATE INDEX sessions_user ON sessions (organization_id, user_id, last_used_at DESC, id DESC) WHERE ended_at IS NULL;
CREATE INDEX sessions_expires ON sessions (expires_at);
SELECT kontor_tenant('sessions');

-- What belongs to no organisation (decisions 8). Only role kontor_accounts reaches these tables; without row-level
-- security, so they are kept few and small.

CREATE TABLE accounts (
    id                   uuid NOT NULL,
    -- Normalised: lower case.
    email                text NOT NULL,
    -- The organisation that looks after the account until its owner is known.
    home_organization_id uuid,
    password_hash        text NOT NULL,
    previous_hashes      text[] NOT NULL,
    must_change          boolean NOT NULL,
    password_set_at      timestamptz,
    created_at           timestamptz NOT NULL,
    CONSTRAINT accounts_pkey PRIMARY KEY (id),
    CONSTRAINT accounts_email_key UNIQUE (email)
);

CREATE TABLE refresh_tokens (
    -- SHA-256 of the token.
    hash            bytea NOT NULL,
    organization_id uuid NOT NULL,
    user_id         uuid NOT NULL,
    session_id      uuid NOT NULL,
    -- When it was exchanged; a second use ends the session.
    used_at         timestamptz,
    -- After which it need not be kept.
    expires_at      timestamptz NOT NULL,
    CONSTRAINT refresh_tokens_pkey PRIMARY KEY (hash)
);
CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires_at);

CREATE TABLE api_key_hashes (
    id              uuid NOT NULL,
    organization_id uuid NOT NULL,
    -- SHA-256 of the secret.
    hash            bytea NOT NULL,
    CONSTRAINT api_key_hashes_pkey PRIMARY KEY (id)
);

-- Keys that access tokens are signed with; the private half is encrypted with the installation's secret.
CREATE TABLE signing_keys (
    id          uuid NOT NULL,
    private_key bytea NOT NULL,
    signs_from  timestamptz NOT NULL,
    CONSTRAINT signing_keys_pkey PRIMARY KEY (id)
);

REVOKE ALL ON accounts, refresh_tokens, api_key_hashes, signing_keys FROM kontor_app, kontor_system;
GRANT SELECT, INSERT, UPDATE, DELETE ON accounts, refresh_tokens, api_key_hashes, signing_keys TO kontor_accounts;
