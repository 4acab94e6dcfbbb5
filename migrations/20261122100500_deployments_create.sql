-- A deployment has exactly one stable version: the column is not null, and the version belongs to the deployment's model.
CREATE TABLE deployments (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects,
    name text NOT NULL,
    model_id uuid NOT NULL REFERENCES models,
    stable_version_id uuid NOT NULL,
    revision bigint NOT NULL DEFAULT 1,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT deployments_name_key UNIQUE (project_id, name),
    CONSTRAINT deployments_stable FOREIGN KEY (model_id, stable_version_id) REFERENCES model_versions (model_id, id)
);

CREATE TABLE rollouts (
    id uuid PRIMARY KEY,
    deployment_id uuid NOT NULL REFERENCES deployments ON DELETE CASCADE,
    mode text NOT NULL CONSTRAINT rollouts_mode CHECK (mode IN ('canary')),
    status text NOT NULL
        CONSTRAINT rollouts_status CHECK (status IN ('running', 'paused', 'promoted', 'rolled_back', 'failed')),
    model_id uuid NOT NULL,
    stable_version_id uuid NOT NULL,
    canary_version_id uuid NOT NULL,
    steps jsonb NOT NULL,
    step integer NOT NULL DEFAULT 0,
    weight double precision NOT NULL CONSTRAINT rollouts_weight CHECK (weight >= 0 AND weight <= 100),
    step_started_at timestamptz NOT NULL,
    policy jsonb NOT NULL,
    reason text,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT rollouts_stable FOREIGN KEY (model_id, stable_version_id) REFERENCES model_versions (model_id, id),
    CONSTRAINT rollouts_canary FOREIGN KEY (model_id, canary_version_id) REFERENCES model_versions (model_id, id),
    CONSTRAINT rollouts_two_versions CHECK (stable_version_id <> canary_version_id),
    CONSTRAINT rollouts_ended CHECK (
        (status IN ('promoted', 'rolled_back', 'failed')) = (ended_at IS NOT NULL AND reason IS NOT NULL)
    )
);
CREATE UNIQUE INDEX rollouts_one_active ON rollouts (deployment_id) WHERE status IN ('running', 'paused');
CREATE INDEX rollouts_newest ON rollouts (deployment_id, created_at DESC);

CREATE TABLE rollout_verdicts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rollout_id uuid NOT NULL REFERENCES rollouts ON DELETE CASCADE,
    kind text NOT NULL
        CONSTRAINT rollout_verdicts_kind CHECK (kind IN ('continue', 'promote', 'roll_back', 'not_enough_data')),
    reason text NOT NULL,
    stable jsonb NOT NULL,
    canary jsonb NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX rollout_verdicts_newest ON rollout_verdicts (rollout_id, id DESC);

-- What each arm did, in slices of ten seconds: what the judge reads. Every process adds its own counts.
CREATE TABLE rollout_samples (
    rollout_id uuid NOT NULL REFERENCES rollouts ON DELETE CASCADE,
    arm text NOT NULL CONSTRAINT rollout_samples_arm CHECK (arm IN ('stable', 'canary')),
    slice timestamptz NOT NULL,
    requests bigint NOT NULL,
    errors bigint NOT NULL,
    PRIMARY KEY (rollout_id, arm, slice)
);
