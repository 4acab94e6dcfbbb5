-- Whether the versions of a deployment stay loaded, and for how long without a request if not; checked before it is stored.
ALTER TABLE deployments
    ADD COLUMN min_warm integer NOT NULL DEFAULT 1
        CONSTRAINT deployments_min_warm CHECK (min_warm BETWEEN 0 AND 1),
    ADD COLUMN idle_seconds integer NOT NULL DEFAULT 300
        CONSTRAINT deployments_idle_seconds CHECK (idle_seconds >= 10);

-- As before, with both.
CREATE OR REPLACE FUNCTION serving_fingerprint() RETURNS text LANGUAGE sql STABLE
RETURN ROW(
    (SELECT sum(hashtextextended(ROW(id, name, scopes, rate_requests, rate_seconds, expires_at, revoked_at)::text, 0)) FROM api_keys),
    (SELECT sum(hashtextextended(ROW(model_id, alias, version_id)::text, 0)) FROM model_aliases),
    (SELECT sum(hashtextextended(ROW(id, stable_version_id, cors_origins, max_in_flight, max_queue, min_warm, idle_seconds)::text, 0)) FROM deployments),
    (SELECT sum(hashtextextended(ROW(id, canary_version_id, weight)::text, 0)) FROM rollouts WHERE status IN ('running', 'paused')),
    (SELECT count(*) FROM model_versions),
    (SELECT count(*) FROM projects)
)::text;
