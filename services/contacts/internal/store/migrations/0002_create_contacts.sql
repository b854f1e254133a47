-- +goose Up

-- Names are compared and sorted by their key: folded in Go (record.Key), compared byte by byte, the same on every system.
CREATE TABLE companies (
    organization_id   uuid NOT NULL,
    id                uuid NOT NULL,
    version           bigint NOT NULL,
    responsible_id    uuid NOT NULL,
    observer_ids      uuid[] NOT NULL,
    everyone          boolean NOT NULL,
    external_ids      jsonb NOT NULL,
    origin_kind       text NOT NULL,
    origin_id         text NOT NULL,
    creator_id        uuid,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    deleted_at        timestamptz,
    phones            jsonb NOT NULL,
    emails            jsonb NOT NULL,
    links             jsonb NOT NULL,
    name              text NOT NULL,
    name_key          text COLLATE "C" NOT NULL,
    legal_name        text NOT NULL,
    type              text NOT NULL,
    industry          text NOT NULL,
    turnover_amount   numeric,
    turnover_currency char(3),
    employees         integer NOT NULL,
    parent_id         uuid,
    requisites        jsonb NOT NULL,
    addresses         jsonb NOT NULL,
    -- Of the first address or requisites, for filtering.
    country           text NOT NULL,
    source            text NOT NULL,
    comment           text NOT NULL,
    CONSTRAINT companies_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT companies_parent_fkey FOREIGN KEY (organization_id, parent_id) REFERENCES companies (organization_id, id)
        ON DELETE SET NULL (parent_id),
    CONSTRAINT companies_parent_other CHECK (parent_id <> id),
    CONSTRAINT companies_turnover_whole CHECK ((turnover_amount IS NULL) = (turnover_currency IS NULL))
);
SELECT kontor_tenant('companies');
CREATE INDEX companies_name ON companies (organization_id, name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX companies_responsible ON companies (organization_id, responsible_id, name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX companies_industry ON companies (organization_id, industry, name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX companies_employees ON companies (organization_id, employees, id) WHERE deleted_at IS NULL;
CREATE INDEX companies_created ON companies (organization_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX companies_updated ON companies (organization_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX companies_parent ON companies (organization_id, parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX companies_bin ON companies (organization_id, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX companies_name_part ON companies USING gin (organization_id, name_key gin_trgm_ops);

CREATE TABLE contacts (
    organization_id   uuid NOT NULL,
    id                uuid NOT NULL,
    version           bigint NOT NULL,
    responsible_id    uuid NOT NULL,
    observer_ids      uuid[] NOT NULL,
    everyone          boolean NOT NULL,
    external_ids      jsonb NOT NULL,
    origin_kind       text NOT NULL,
    origin_id         text NOT NULL,
    creator_id        uuid,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    deleted_at        timestamptz,
    phones            jsonb NOT NULL,
    emails            jsonb NOT NULL,
    links             jsonb NOT NULL,
    honorific         text NOT NULL,
    first_name        text NOT NULL,
    middle_name       text NOT NULL,
    last_name         text NOT NULL,
    name_key          text COLLATE "C" NOT NULL,
    position          text NOT NULL,
    -- "YYYY-MM-DD", the year 0000 if it is not known, which a date cannot hold.
    birthday          text NOT NULL,
    photo_file_id     uuid,
    type              text NOT NULL,
    addresses         jsonb NOT NULL,
    employments       jsonb NOT NULL,
    source            text NOT NULL,
    language          text NOT NULL,
    preferred_channel text NOT NULL,
    consents          jsonb NOT NULL,
    vip               boolean NOT NULL,
    comment           text NOT NULL,
    CONSTRAINT contacts_pkey PRIMARY KEY (organization_id, id)
);
SELECT kontor_tenant('contacts');
CREATE INDEX contacts_name ON contacts (organization_id, name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX contacts_responsible ON contacts (organization_id, responsible_id, name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX contacts_created ON contacts (organization_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX contacts_updated ON contacts (organization_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX contacts_bin ON contacts (organization_id, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX contacts_name_part ON contacts USING gin (organization_id, name_key gin_trgm_ops);

-- Which contacts a company has. The contact's row holds the rest of each employment and is what is read with it.
CREATE TABLE employments (
    organization_id uuid NOT NULL,
    company_id      uuid NOT NULL,
    contact_id      uuid NOT NULL,
    CONSTRAINT employments_pkey PRIMARY KEY (organization_id, company_id, contact_id),
    CONSTRAINT employments_company_fkey FOREIGN KEY (organization_id, company_id)
        REFERENCES companies (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT employments_contact_fkey FOREIGN KEY (organization_id, contact_id)
        REFERENCES contacts (organization_id, id) ON DELETE CASCADE
);
SELECT kontor_tenant('employments');
CREATE INDEX employments_contact ON employments (organization_id, contact_id);

CREATE TABLE lead_settings (
    organization_id   uuid NOT NULL,
    version           bigint NOT NULL,
    untouched_seconds bigint NOT NULL,
    CONSTRAINT lead_settings_pkey PRIMARY KEY (organization_id),
    CONSTRAINT lead_settings_untouched_positive CHECK (untouched_seconds > 0)
);
SELECT kontor_tenant('lead_settings');

CREATE TABLE lead_statuses (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    version         bigint NOT NULL,
    place           integer NOT NULL,
    name            text NOT NULL,
    -- As lead.StatusKind counts: new, open, converted, junk.
    kind            smallint NOT NULL,
    color           text NOT NULL,
    retired         boolean NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT lead_statuses_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT lead_statuses_settings_fkey FOREIGN KEY (organization_id) REFERENCES lead_settings (organization_id),
    CONSTRAINT lead_statuses_kind_known CHECK (kind BETWEEN 1 AND 4)
);
SELECT kontor_tenant('lead_statuses');

CREATE TABLE leads (
    organization_id   uuid NOT NULL,
    id                uuid NOT NULL,
    version           bigint NOT NULL,
    responsible_id    uuid NOT NULL,
    observer_ids      uuid[] NOT NULL,
    everyone          boolean NOT NULL,
    external_ids      jsonb NOT NULL,
    origin_kind       text NOT NULL,
    origin_id         text NOT NULL,
    creator_id        uuid,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    deleted_at        timestamptz,
    phones            jsonb NOT NULL,
    emails            jsonb NOT NULL,
    links             jsonb NOT NULL,
    title             text NOT NULL,
    title_key         text COLLATE "C" NOT NULL,
    -- Title, person and company, to be searched in.
    name_key          text COLLATE "C" NOT NULL,
    request           text NOT NULL,
    first_name        text NOT NULL,
    middle_name       text NOT NULL,
    last_name         text NOT NULL,
    position          text NOT NULL,
    company_name      text NOT NULL,
    address           jsonb,
    source            text NOT NULL,
    utm               jsonb NOT NULL,
    referrer          text NOT NULL,
    status_id         uuid NOT NULL,
    products          jsonb NOT NULL,
    amount            numeric,
    currency          char(3),
    comment           text NOT NULL,
    -- What the lead was converted into; NULL until it is. The IDs once more, to be found by.
    conversion        jsonb,
    contact_id        uuid,
    company_id        uuid,
    deal_id           uuid,
    touched_at        timestamptz,
    overdue_at        timestamptz NOT NULL,
    -- When the heads were told that the lead is overdue.
    overdue_told_at   timestamptz,
    CONSTRAINT leads_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT leads_status_fkey FOREIGN KEY (organization_id, status_id) REFERENCES lead_statuses (organization_id, id),
    CONSTRAINT leads_amount_whole CHECK ((amount IS NULL) = (currency IS NULL))
);
SELECT kontor_tenant('leads');
CREATE INDEX leads_title ON leads (organization_id, title_key, id) WHERE deleted_at IS NULL;
CREATE INDEX leads_status ON leads (organization_id, status_id, id) WHERE deleted_at IS NULL;
CREATE INDEX leads_responsible ON leads (organization_id, responsible_id, id) WHERE deleted_at IS NULL;
CREATE INDEX leads_created ON leads (organization_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX leads_updated ON leads (organization_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX leads_untouched ON leads (organization_id, overdue_at) WHERE touched_at IS NULL AND deleted_at IS NULL;
CREATE INDEX leads_contact ON leads (organization_id, contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX leads_company ON leads (organization_id, company_id) WHERE company_id IS NOT NULL;
CREATE INDEX leads_deal ON leads (organization_id, deal_id) WHERE deal_id IS NOT NULL;
CREATE INDEX leads_bin ON leads (organization_id, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX leads_name_part ON leads USING gin (organization_id, name_key gin_trgm_ops);

-- Who a number or an address belongs to (CON-11). Rows of records in the bin are taken out and put back.
CREATE TABLE contact_points (
    organization_id uuid NOT NULL,
    kind            text NOT NULL,
    value           text COLLATE "C" NOT NULL,
    record_kind     text NOT NULL,
    record_id       uuid NOT NULL,
    CONSTRAINT contact_points_pkey PRIMARY KEY (organization_id, kind, value, record_kind, record_id),
    CONSTRAINT contact_points_kind_known CHECK (kind IN ('phone', 'email')),
    CONSTRAINT contact_points_record_kind_known CHECK (record_kind IN ('lead', 'contact', 'company'))
);
SELECT kontor_tenant('contact_points');

-- Records by their IDs in other systems (CON-23). Rows of records in the bin are taken out and put back.
CREATE TABLE external_ids (
    organization_id uuid NOT NULL,
    record_kind     text NOT NULL,
    source          text COLLATE "C" NOT NULL,
    external_id     text COLLATE "C" NOT NULL,
    record_id       uuid NOT NULL,
    CONSTRAINT external_ids_pkey PRIMARY KEY (organization_id, record_kind, source, external_id),
    CONSTRAINT external_ids_record_kind_known CHECK (record_kind IN ('lead', 'contact', 'company'))
);
SELECT kontor_tenant('external_ids');

-- Search for a part of a name. Under row-level security an index serves only operators that cannot leak what they
-- compare, and LIKE is not one of them: it would be tried on every row of the organisation. These functions run as the
-- owner, whose policy hides nothing, and hold the organisation's condition themselves.
CREATE POLICY search ON companies FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY search ON contacts FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY search ON leads FOR SELECT TO CURRENT_USER USING (true);

CREATE FUNCTION companies_named(pattern text) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 200
AS $$
    SELECT id FROM companies
    WHERE organization_id = current_setting('kontor.organization')::uuid AND name_key LIKE pattern
$$;
CREATE FUNCTION contacts_named(pattern text) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 200
AS $$
    SELECT id FROM contacts
    WHERE organization_id = current_setting('kontor.organization')::uuid AND name_key LIKE pattern
$$;
CREATE FUNCTION leads_named(pattern text) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 200
AS $$
    SELECT id FROM leads
    WHERE organization_id = current_setting('kontor.organization')::uuid AND name_key LIKE pattern
$$;
REVOKE ALL ON FUNCTION companies_named(text), contacts_named(text), leads_named(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION companies_named(text), contacts_named(text), leads_named(text) TO kontor_app;
