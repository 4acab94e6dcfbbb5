-- The log of predictions in partitions of one day (UTC), so that an old day goes by dropping its table. Rows name what they
-- are about without foreign keys: those would lock what they point at whenever a day is made or dropped.
DROP INDEX predictions_request_id, predictions_newest;
ALTER TABLE predictions RENAME TO predictions_before;

CREATE TABLE predictions (
    request_id text NOT NULL,
    deployment_id uuid,
    model_version_id uuid NOT NULL,
    route text NOT NULL CONSTRAINT predictions_route CHECK (route IN ('stable', 'canary', 'pinned')),
    at timestamptz NOT NULL,
    latency_micros bigint NOT NULL,
    inputs jsonb NOT NULL,
    predictions jsonb
) PARTITION BY RANGE (at);
CREATE INDEX predictions_request_id ON predictions (request_id);
CREATE INDEX predictions_newest ON predictions (deployment_id, at DESC);

CREATE FUNCTION ensure_prediction_day(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text := 'predictions_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN;
    END IF;
    -- Of several processes at midnight one makes it, and the others find it made.
    LOCK TABLE predictions IN SHARE UPDATE EXCLUSIVE MODE;
    IF to_regclass(name) IS NULL THEN
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF predictions FOR VALUES FROM (%L) TO (%L)',
            name, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC'
        );
    END IF;
END
$$;

CREATE FUNCTION drop_prediction_days(before date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    name text;
    dropped integer := 0;
BEGIN
    FOR name IN
        SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'predictions'::regclass AND relname < 'predictions_' || to_char(before, 'YYYYMMDD')
    LOOP
        EXECUTE format('DROP TABLE %I', name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;

SELECT ensure_prediction_day(day) FROM (SELECT DISTINCT (at AT TIME ZONE 'UTC')::date AS day FROM predictions_before) AS days;
INSERT INTO predictions (request_id, deployment_id, model_version_id, route, at, latency_micros, inputs, predictions)
SELECT request_id, deployment_id, model_version_id, route, at, latency_micros, inputs, predictions FROM predictions_before;
DROP TABLE predictions_before;
