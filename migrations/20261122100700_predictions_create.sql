-- A sample of the predictions, as they were answered.
CREATE TABLE predictions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id text NOT NULL,
    deployment_id uuid REFERENCES deployments ON DELETE CASCADE,
    model_version_id uuid NOT NULL REFERENCES model_versions,
    route text NOT NULL CONSTRAINT predictions_route CHECK (route IN ('stable', 'canary', 'pinned')),
    at timestamptz NOT NULL,
    latency_micros bigint NOT NULL,
    inputs jsonb NOT NULL,
    predictions jsonb
);
CREATE INDEX predictions_request_id ON predictions (request_id);
CREATE INDEX predictions_newest ON predictions (deployment_id, at DESC);

-- One minute of one version's traffic. Histograms add bar by bar, so every process adds its own counts.
CREATE TABLE metric_rollups (
    deployment_id uuid NOT NULL REFERENCES deployments ON DELETE CASCADE,
    version integer NOT NULL,
    route text NOT NULL CONSTRAINT metric_rollups_route CHECK (route IN ('stable', 'canary', 'pinned')),
    minute timestamptz NOT NULL,
    requests bigint NOT NULL,
    errors bigint NOT NULL,
    latency_bars bigint[] NOT NULL,
    PRIMARY KEY (deployment_id, minute, version, route)
);

CREATE FUNCTION add_bars(a bigint[], b bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT coalesce(array_agg(coalesce(x, 0) + coalesce(y, 0) ORDER BY i), '{}')
        FROM unnest(a, b) WITH ORDINALITY AS bars (x, y, i));
