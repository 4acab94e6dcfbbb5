-- Every process that answers predictions keeps what it serves in memory. Whatever changes that wakes them, so no change
-- depends on its author to remember.
CREATE FUNCTION wake_serving() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('volary_serving', '');
    RETURN NULL;
END $$;
CREATE TRIGGER api_keys_wake_serving
    AFTER INSERT OR DELETE OR UPDATE OF scopes, rate_requests, rate_seconds, expires_at, revoked_at ON api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION wake_serving();
CREATE TRIGGER model_versions_wake_serving AFTER INSERT OR DELETE ON model_versions
    FOR EACH STATEMENT EXECUTE FUNCTION wake_serving();
CREATE TRIGGER model_aliases_wake_serving AFTER INSERT OR DELETE OR UPDATE ON model_aliases
    FOR EACH STATEMENT EXECUTE FUNCTION wake_serving();
CREATE TRIGGER deployments_wake_serving AFTER INSERT OR DELETE OR UPDATE ON deployments
    FOR EACH STATEMENT EXECUTE FUNCTION wake_serving();
CREATE TRIGGER rollouts_wake_serving AFTER INSERT OR DELETE OR UPDATE ON rollouts
    FOR EACH STATEMENT EXECUTE FUNCTION wake_serving();

-- Two equal fingerprints mean that nothing which is served has changed. Sums of hashes need no order.
CREATE FUNCTION serving_fingerprint() RETURNS text LANGUAGE sql STABLE
RETURN ROW(
    (SELECT sum(hashtextextended(ROW(id, name, scopes, rate_requests, rate_seconds, expires_at, revoked_at)::text, 0)) FROM api_keys),
    (SELECT sum(hashtextextended(ROW(model_id, alias, version_id)::text, 0)) FROM model_aliases),
    (SELECT sum(hashtextextended(ROW(id, stable_version_id)::text, 0)) FROM deployments),
    (SELECT sum(hashtextextended(ROW(id, canary_version_id, weight)::text, 0)) FROM rollouts WHERE status IN ('running', 'paused')),
    (SELECT count(*) FROM model_versions),
    (SELECT count(*) FROM projects)
)::text;
