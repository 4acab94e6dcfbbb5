-- What a model is trained on anew, when, and what becomes of a version that beats the live one.
CREATE TABLE retraining_policies (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects,
    model_id uuid NOT NULL REFERENCES models CONSTRAINT retraining_policies_model_key UNIQUE,
    -- A training spec without its dataset version.
    training jsonb NOT NULL,
    schedule text,
    on_new_dataset_version boolean NOT NULL,
    -- By name, and no foreign key: a policy outlives the deployment, and shows that it is gone.
    deployment text,
    on_better text NOT NULL
        CONSTRAINT retraining_policies_on_better CHECK (on_better IN ('nothing', 'propose', 'start_canary')),
    paused_at timestamptz,
    pause_reason text,
    -- Moments of the schedule up to this one, and versions of the dataset up to that one, are done with.
    done_until timestamptz NOT NULL,
    seen_version integer NOT NULL,
    failures integer NOT NULL DEFAULT 0,
    not_before timestamptz,
    revision bigint NOT NULL DEFAULT 1,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT retraining_policies_paused CHECK ((paused_at IS NULL) = (pause_reason IS NULL))
);

CREATE TABLE retraining_attempts (
    id uuid PRIMARY KEY,
    model_id uuid NOT NULL REFERENCES models,
    -- NULL: the policy was deleted since.
    policy_id uuid REFERENCES retraining_policies ON DELETE SET NULL,
    trigger text NOT NULL
        CONSTRAINT retraining_attempts_trigger CHECK (trigger IN ('schedule', 'dataset_version', 'manual')),
    occurrence timestamptz,
    skipped integer NOT NULL CONSTRAINT retraining_attempts_skipped CHECK (skipped >= 0),
    status text NOT NULL
        CONSTRAINT retraining_attempts_status CHECK (
            status IN ('training', 'failed', 'cancelled', 'kept', 'proposed', 'accepted', 'dismissed', 'superseded', 'canary_started')
        ),
    reason text,
    dataset text NOT NULL,
    dataset_version_id uuid REFERENCES dataset_versions,
    training_run_id uuid REFERENCES training_runs CONSTRAINT retraining_attempts_run_key UNIQUE,
    deployment text,
    -- The version that is compared with, and what came of that: written with the end of the training, before the verdict.
    live_version integer,
    comparison jsonb,
    verdict jsonb,
    rollout_id uuid,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    decided_by text,
    decided_at timestamptz,
    CONSTRAINT retraining_attempts_moment CHECK ((trigger = 'schedule') = (occurrence IS NOT NULL)),
    CONSTRAINT retraining_attempts_ended CHECK ((status = 'training') = (ended_at IS NULL)),
    CONSTRAINT retraining_attempts_trained CHECK (status IN ('failed', 'cancelled') OR training_run_id IS NOT NULL),
    CONSTRAINT retraining_attempts_decided CHECK ((decided_by IS NULL) = (decided_at IS NULL)),
    -- Each is made once, however many servers look, and however often they start anew.
    CONSTRAINT retraining_attempts_occurrence_key UNIQUE (policy_id, occurrence)
);
CREATE UNIQUE INDEX retraining_attempts_dataset_version_key ON retraining_attempts (policy_id, dataset_version_id)
    WHERE trigger = 'dataset_version';
CREATE UNIQUE INDEX retraining_attempts_one_at_a_time ON retraining_attempts (policy_id) WHERE status = 'training';
CREATE INDEX retraining_attempts_open ON retraining_attempts (created_at) WHERE status = 'training';
CREATE INDEX retraining_attempts_newest ON retraining_attempts (model_id, created_at DESC, id DESC);
