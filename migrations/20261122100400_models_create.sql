CREATE TABLE models (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects,
    name text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT models_name_key UNIQUE (project_id, name)
);

CREATE TABLE training_runs (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects,
    dataset_version_id uuid NOT NULL REFERENCES dataset_versions,
    model text NOT NULL,
    spec jsonb NOT NULL,
    status text NOT NULL
        CONSTRAINT training_runs_status CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    progress jsonb,
    metrics jsonb,
    evaluation jsonb,
    error jsonb,
    job_id uuid NOT NULL REFERENCES jobs,
    attempt integer NOT NULL DEFAULT 0,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT training_runs_job_key UNIQUE (job_id),
    CONSTRAINT training_runs_failed CHECK ((status = 'failed') = (error IS NOT NULL)),
    CONSTRAINT training_runs_finished CHECK ((status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
);
CREATE INDEX training_runs_newest ON training_runs (project_id, created_at DESC, id DESC);

CREATE TABLE training_run_logs (
    run_id uuid NOT NULL REFERENCES training_runs ON DELETE CASCADE,
    seq bigint NOT NULL,
    at timestamptz NOT NULL,
    level text NOT NULL CONSTRAINT training_run_logs_level CHECK (level IN ('info', 'warn', 'error')),
    message text NOT NULL,
    PRIMARY KEY (run_id, seq)
);

CREATE TABLE model_versions (
    id uuid PRIMARY KEY,
    model_id uuid NOT NULL REFERENCES models,
    version integer NOT NULL CONSTRAINT model_versions_version CHECK (version > 0),
    algorithm text NOT NULL,
    params jsonb NOT NULL,
    metrics jsonb NOT NULL,
    signature jsonb NOT NULL,
    evaluation jsonb,
    dataset_version_id uuid REFERENCES dataset_versions,
    training_run_id uuid REFERENCES training_runs,
    sha256 text NOT NULL REFERENCES blobs,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT model_versions_key UNIQUE (model_id, version),
    -- The target of composite foreign keys: a version always belongs to the model beside it.
    CONSTRAINT model_versions_of_model UNIQUE (model_id, id),
    -- A run makes one version, whatever its attempts.
    CONSTRAINT model_versions_training_run_key UNIQUE (training_run_id)
);

CREATE TABLE model_aliases (
    model_id uuid NOT NULL REFERENCES models,
    alias text NOT NULL,
    version_id uuid NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (model_id, alias),
    FOREIGN KEY (model_id, version_id) REFERENCES model_versions (model_id, id)
);
