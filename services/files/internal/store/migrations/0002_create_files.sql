-- +goose Up

-- Contents that the organisation's files refer to, or did. A content that nothing refers to is marked, and cleared away
-- a day later with its bytes; a new reference takes the mark off.
CREATE TABLE contents (
    organization_id uuid NOT NULL,
    -- In lower-case hexadecimal.
    sha256          text NOT NULL,
    -- Where the bytes are in the blob store.
    key             text NOT NULL,
    size            bigint NOT NULL,
    -- Since when nothing refers to it.
    doomed_at       timestamptz,
    CONSTRAINT contents_pkey PRIMARY KEY (organization_id, sha256)
);
CREATE INDEX contents_doomed ON contents (doomed_at) WHERE doomed_at IS NOT NULL;
SELECT kontor_tenant('contents');

CREATE TABLE files (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    name            text NOT NULL,
    -- The record it hangs on; NULL for none.
    record_kind     text,
    record_id       uuid,
    uploader_id     uuid NOT NULL,
    content_version int NOT NULL,
    content_type    text NOT NULL,
    size            bigint NOT NULL,
    sha256          text NOT NULL,
    version         bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    -- When it was put into the bin.
    deleted_at      timestamptz,
    CONSTRAINT files_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT files_content_fkey FOREIGN KEY (organization_id, sha256) REFERENCES contents (organization_id, sha256),
    CONSTRAINT files_record_whole CHECK ((record_kind IS NULL) = (record_id IS NULL))
);
CREATE INDEX files_record ON files (organization_id, record_kind, record_id, created_at DESC, id DESC) WHERE record_id IS NOT NULL;
CREATE INDEX files_uploader ON files (organization_id, uploader_id, created_at DESC, id DESC) WHERE record_id IS NULL;
CREATE INDEX files_deleted ON files (deleted_at) WHERE deleted_at IS NOT NULL;
SELECT kontor_tenant('files');

-- Every content that a file has or had.
CREATE TABLE file_versions (
    organization_id uuid NOT NULL,
    file_id         uuid NOT NULL,
    number          int NOT NULL,
    content_type    text NOT NULL,
    size            bigint NOT NULL,
    sha256          text NOT NULL,
    uploader_id     uuid NOT NULL,
    created_at      timestamptz NOT NULL,
    CONSTRAINT file_versions_pkey PRIMARY KEY (organization_id, file_id, number),
    CONSTRAINT file_versions_file_fkey FOREIGN KEY (organization_id, file_id) REFERENCES files (organization_id, id) ON DELETE CASCADE,
    CONSTRAINT file_versions_content_fkey FOREIGN KEY (organization_id, sha256) REFERENCES contents (organization_id, sha256)
);
CREATE INDEX file_versions_content ON file_versions (organization_id, sha256);
SELECT kontor_tenant('file_versions');
