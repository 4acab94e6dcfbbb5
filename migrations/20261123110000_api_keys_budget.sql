-- What a key may send in a day or a month, and what it has sent. A key and those it is rotated to share both, under the id
-- of the first of them.
ALTER TABLE api_keys
    ADD COLUMN line_id uuid,
    ADD COLUMN budget_requests bigint CONSTRAINT api_keys_budget_requests CHECK (budget_requests > 0),
    ADD COLUMN budget_period text CONSTRAINT api_keys_budget_period CHECK (budget_period IN ('day', 'month')),
    ADD COLUMN budget_hard boolean,
    ADD CONSTRAINT api_keys_budget_whole CHECK (num_nulls(budget_requests, budget_period, budget_hard) IN (0, 3));
WITH RECURSIVE lines (id, line_id) AS (
    SELECT id, id FROM api_keys WHERE rotated_from IS NULL
    UNION ALL
    SELECT next.id, lines.line_id FROM lines JOIN api_keys AS next ON next.rotated_from = lines.id
)
UPDATE api_keys SET line_id = lines.line_id FROM lines WHERE lines.id = api_keys.id;
ALTER TABLE api_keys ALTER COLUMN line_id SET NOT NULL;

CREATE TABLE api_key_usage (
    line_id uuid NOT NULL REFERENCES api_keys,
    day date NOT NULL,
    requests bigint NOT NULL CONSTRAINT api_key_usage_requests CHECK (requests >= 0),
    PRIMARY KEY (line_id, day)
);
