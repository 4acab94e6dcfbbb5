-- Predictions that no client waits for. A server holds a lease on what it answers and writes with its attempt number: one
-- that lost its lease writes nothing. Turns and leases go by the database's clock.
CREATE TABLE async_predictions (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects,
    -- A name, not an id: a deployment may be gone before its predictions are.
    deployment text NOT NULL,
    request_id text NOT NULL,
    routing_key bytea NOT NULL,
    -- The arm that the caller asked for, whatever the weight.
    forced text CONSTRAINT async_predictions_forced CHECK (forced IN ('stable', 'canary')),
    state text NOT NULL DEFAULT 'queued'
        CONSTRAINT async_predictions_state CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    attempt integer NOT NULL DEFAULT 0,
    -- Leases that ended without a word: their server was lost.
    losses integer NOT NULL DEFAULT 0,
    run_after timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz,
    -- What was sent, as JSON; not kept longer than it takes to answer it.
    body bytea,
    result jsonb,
    problem jsonb,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT async_predictions_request_id_key UNIQUE (project_id, request_id),
    CONSTRAINT async_predictions_lease CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CONSTRAINT async_predictions_body CHECK ((state IN ('queued', 'running')) = (body IS NOT NULL)),
    CONSTRAINT async_predictions_finished CHECK ((state IN ('queued', 'running')) = (finished_at IS NULL)),
    CONSTRAINT async_predictions_result CHECK ((state = 'succeeded') = (result IS NOT NULL)),
    CONSTRAINT async_predictions_problem CHECK ((state = 'failed') = (problem IS NOT NULL))
);
CREATE INDEX async_predictions_due ON async_predictions (run_after, id) WHERE state = 'queued';
CREATE INDEX async_predictions_leases ON async_predictions (lease_until) WHERE state = 'running';
CREATE INDEX async_predictions_waiting ON async_predictions (project_id, deployment) WHERE state IN ('queued', 'running');
CREATE INDEX async_predictions_finished_at ON async_predictions (finished_at) WHERE finished_at IS NOT NULL;
