-- A scoring run asks one model version for a prediction of every row of one dataset version. What it makes is a dataset
-- version, which names the run.
CREATE TABLE scoring_runs (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects,
    dataset_version_id uuid NOT NULL REFERENCES dataset_versions,
    model_version_id uuid NOT NULL REFERENCES model_versions,
    output text NOT NULL,
    -- NULL: all.
    keep_columns jsonb,
    prediction_column text NOT NULL,
    status text NOT NULL
        CONSTRAINT scoring_runs_status CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    row_count bigint NOT NULL DEFAULT 0,
    failed_count bigint NOT NULL DEFAULT 0,
    refusals jsonb NOT NULL DEFAULT '[]',
    error jsonb,
    job_id uuid NOT NULL REFERENCES jobs,
    attempt integer NOT NULL DEFAULT 0,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT scoring_runs_job_key UNIQUE (job_id),
    CONSTRAINT scoring_runs_counts CHECK (failed_count >= 0 AND row_count >= failed_count),
    CONSTRAINT scoring_runs_failed CHECK ((status = 'failed') = (error IS NOT NULL)),
    CONSTRAINT scoring_runs_finished CHECK ((status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
);
CREATE INDEX scoring_runs_newest ON scoring_runs (project_id, created_at DESC, id DESC);

-- A run makes one version, whatever its attempts.
ALTER TABLE dataset_versions
    ADD COLUMN scoring_run_id uuid REFERENCES scoring_runs CONSTRAINT dataset_versions_scoring_run_key UNIQUE;

-- What a dataset version tells of the run that made it.
CREATE VIEW dataset_lineages AS
SELECT r.id AS scoring_run_id,
       jsonb_build_object(
           'scoring_run', r.id, 'model', m.name, 'model_version', mv.version, 'dataset', d.name, 'dataset_version', dv.version
       ) AS lineage
FROM scoring_runs r
JOIN model_versions mv ON mv.id = r.model_version_id
JOIN models m ON m.id = mv.model_id
JOIN dataset_versions dv ON dv.id = r.dataset_version_id
JOIN datasets d ON d.id = dv.dataset_id;
