-- Files by the hash of their bytes. A row says that the file is on disk, whole and synced.
CREATE TABLE blobs (
    sha256 text PRIMARY KEY CONSTRAINT blobs_sha256 CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    bytes bigint NOT NULL CONSTRAINT blobs_bytes CHECK (bytes >= 0),
    created_at timestamptz NOT NULL
);

CREATE TABLE datasets (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects,
    name text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT datasets_name_key UNIQUE (project_id, name)
);

CREATE TABLE dataset_versions (
    id uuid PRIMARY KEY,
    dataset_id uuid NOT NULL REFERENCES datasets,
    version integer NOT NULL CONSTRAINT dataset_versions_version CHECK (version > 0),
    status text NOT NULL CONSTRAINT dataset_versions_status CHECK (status IN ('profiling', 'ready', 'failed')),
    error text,
    format text NOT NULL CONSTRAINT dataset_versions_format CHECK (format IN ('csv', 'parquet')),
    sha256 text NOT NULL REFERENCES blobs,
    row_count bigint,
    columns jsonb,
    preview jsonb,
    job_id uuid NOT NULL REFERENCES jobs,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT dataset_versions_key UNIQUE (dataset_id, version),
    CONSTRAINT dataset_versions_ready CHECK (
        status <> 'ready' OR (row_count IS NOT NULL AND columns IS NOT NULL AND preview IS NOT NULL)
    ),
    CONSTRAINT dataset_versions_failed CHECK ((status = 'failed') = (error IS NOT NULL))
);
