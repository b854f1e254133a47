-- +goose Up

-- Shelves. An empty parent is the top.
CREATE TABLE sections (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    version         bigint NOT NULL,
    name            text NOT NULL,
    parent_id       uuid,
    sort            int NOT NULL,
    origin_kind     text NOT NULL,
    origin_id       text NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    deleted_at      timestamptz,
    CONSTRAINT sections_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT sections_parent_fkey FOREIGN KEY (organization_id, parent_id) REFERENCES sections (organization_id, id),
    CONSTRAINT sections_not_own_parent CHECK (parent_id <> id)
);
-- No two of one name side by side; the top counts as one place.
CREATE UNIQUE INDEX sections_name_key ON sections
    (organization_id, coalesce(parent_id, '00000000-0000-0000-0000-000000000000'), lower(name)) WHERE deleted_at IS NULL;
CREATE INDEX sections_parent ON sections (organization_id, parent_id);
CREATE INDEX sections_sort ON sections (organization_id, sort, id);
SELECT kontor_tenant('sections');

CREATE TABLE section_external_ids (
    organization_id uuid NOT NULL,
    source          text NOT NULL,
    external_id     text NOT NULL,
    section_id      uuid NOT NULL,
    CONSTRAINT section_external_ids_pkey PRIMARY KEY (organization_id, source, external_id),
    CONSTRAINT section_external_ids_section_key UNIQUE (organization_id, section_id, source),
    CONSTRAINT section_external_ids_section_fkey FOREIGN KEY (organization_id, section_id)
        REFERENCES sections (organization_id, id) ON DELETE CASCADE
);
SELECT kontor_tenant('section_external_ids');

CREATE TABLE price_types (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    version         bigint NOT NULL,
    name            text NOT NULL,
    base            boolean NOT NULL,
    sort            int NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    deleted_at      timestamptz,
    CONSTRAINT price_types_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT price_types_base_stays CHECK (NOT base OR deleted_at IS NULL)
);
CREATE UNIQUE INDEX price_types_name_key ON price_types (organization_id, lower(name)) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX price_types_base_key ON price_types (organization_id) WHERE base;
SELECT kontor_tenant('price_types');

CREATE TABLE products (
    organization_id  uuid NOT NULL,
    id               uuid NOT NULL,
    version          bigint NOT NULL,
    name             text NOT NULL,
    sku              text NOT NULL,
    barcode          text NOT NULL,
    description      text NOT NULL,
    picture_file_ids uuid[] NOT NULL,
    section_id       uuid,
    unit             text NOT NULL,
    active           boolean NOT NULL,
    sort             int NOT NULL,
    tax_rate         numeric,
    minimum_price    numeric,
    minimum_currency char(3),
    origin_kind      text NOT NULL,
    origin_id        text NOT NULL,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    deleted_at       timestamptz,
    CONSTRAINT products_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT products_section_fkey FOREIGN KEY (organization_id, section_id) REFERENCES sections (organization_id, id),
    CONSTRAINT products_minimum_whole CHECK ((minimum_price IS NULL) = (minimum_currency IS NULL))
);
CREATE UNIQUE INDEX products_sku_key ON products (organization_id, sku) WHERE deleted_at IS NULL AND sku <> '';
CREATE INDEX products_name ON products (organization_id, name, id);
CREATE INDEX products_sort ON products (organization_id, sort, id);
CREATE INDEX products_created ON products (organization_id, created_at, id);
CREATE INDEX products_updated ON products (organization_id, updated_at, id);
CREATE INDEX products_section ON products (organization_id, section_id);
-- Look-ups and search.
CREATE INDEX products_name_lower ON products (organization_id, lower(name));
CREATE INDEX products_name_letters ON products USING gin (lower(name) gin_trgm_ops);
CREATE INDEX products_sku_lower ON products (organization_id, lower(sku) text_pattern_ops);
CREATE INDEX products_barcode ON products (organization_id, barcode text_pattern_ops);
SELECT kontor_tenant('products');

CREATE TABLE product_prices (
    organization_id uuid NOT NULL,
    product_id      uuid NOT NULL,
    price_type_id   uuid NOT NULL,
    currency        char(3) NOT NULL,
    amount          numeric NOT NULL,
    CONSTRAINT product_prices_pkey PRIMARY KEY (organization_id, product_id, price_type_id, currency),
    CONSTRAINT product_prices_product_fkey FOREIGN KEY (organization_id, product_id)
        REFERENCES products (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT product_prices_price_type_fkey FOREIGN KEY (organization_id, price_type_id)
        REFERENCES price_types (organization_id, id),
    CONSTRAINT product_prices_not_negative CHECK (amount >= 0)
);
SELECT kontor_tenant('product_prices');

CREATE TABLE product_external_ids (
    organization_id uuid NOT NULL,
    source          text NOT NULL,
    external_id     text NOT NULL,
    product_id      uuid NOT NULL,
    CONSTRAINT product_external_ids_pkey PRIMARY KEY (organization_id, source, external_id),
    CONSTRAINT product_external_ids_product_key UNIQUE (organization_id, product_id, source),
    CONSTRAINT product_external_ids_product_fkey FOREIGN KEY (organization_id, product_id)
        REFERENCES products (organization_id, id) ON DELETE CASCADE
);
SELECT kontor_tenant('product_external_ids');

-- Units of the base currency for one unit of the currency, from a day on until the next day that has one.
CREATE TABLE exchange_rates (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    version         bigint NOT NULL,
    currency        char(3) NOT NULL,
    base_currency   char(3) NOT NULL,
    date            date NOT NULL,
    rate            numeric NOT NULL,
    source          text NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT exchange_rates_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT exchange_rates_day_key UNIQUE (organization_id, base_currency, currency, date),
    CONSTRAINT exchange_rates_positive CHECK (rate > 0)
);
SELECT kontor_tenant('exchange_rates');
