-- +goose Up

-- Which file was copied to which record: a copy is made once, whatever became of it since.
CREATE TABLE file_copies (
    organization_id uuid NOT NULL,
    file_id         uuid NOT NULL,
    -- The record that has the copy.
    record_kind     text NOT NULL,
    record_id       uuid NOT NULL,
    copy_id         uuid NOT NULL,
    CONSTRAINT file_copies_pkey PRIMARY KEY (organization_id, file_id, record_kind, record_id),
    CONSTRAINT file_copies_file_fkey FOREIGN KEY (organization_id, file_id) REFERENCES files (organization_id, id) ON DELETE CASCADE
);
SELECT kontor_tenant('file_copies');
