-- +goose Up

-- Tags and do-not-contact marks (CON-23). NULL if there are none: rows that a merge has put aside and puts back know nothing
-- of these columns.
ALTER TABLE companies ADD COLUMN tags text[], ADD COLUMN do_not_contact text[];
ALTER TABLE contacts ADD COLUMN tags text[], ADD COLUMN do_not_contact text[];
ALTER TABLE leads ADD COLUMN tags text[], ADD COLUMN do_not_contact text[];

-- Records by their tags and marks. Under row-level security an index serves no operator of arrays, so there is a row for
-- each. Rows of records in the bin are taken out and put back.
CREATE TABLE marks (
    organization_id uuid NOT NULL,
    record_kind     text NOT NULL,
    mark            text NOT NULL,
    -- The tag as it is compared (record.Key), or the channel.
    value           text COLLATE "C" NOT NULL,
    record_id       uuid NOT NULL,
    -- The tag as typed.
    label           text NOT NULL,
    CONSTRAINT marks_pkey PRIMARY KEY (organization_id, record_kind, mark, value, record_id),
    CONSTRAINT marks_record_kind_known CHECK (record_kind IN ('lead', 'contact', 'company')),
    CONSTRAINT marks_mark_known CHECK (mark IN ('tag', 'channel'))
);
SELECT kontor_tenant('marks');
