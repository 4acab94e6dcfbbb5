-- Whom to tell that a prediction has ended. It waits until then, is due until it was delivered or given up, and while it is
-- sent a server holds a lease on it, as on a prediction.
CREATE TABLE callbacks (
    prediction_id uuid PRIMARY KEY REFERENCES async_predictions ON DELETE CASCADE,
    project_id uuid NOT NULL REFERENCES projects,
    url text NOT NULL,
    -- Of the URL, to be shown: the rest may hold secrets of the receiver.
    url_host text NOT NULL,
    state text NOT NULL DEFAULT 'waiting'
        CONSTRAINT callbacks_state CHECK (state IN ('waiting', 'pending', 'sending', 'delivered', 'failed')),
    attempt integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    lease_until timestamptz,
    last_error text,
    ended_at timestamptz,
    CONSTRAINT callbacks_next_attempt CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL)),
    CONSTRAINT callbacks_lease CHECK ((state = 'sending') = (lease_until IS NOT NULL)),
    CONSTRAINT callbacks_ended CHECK ((state IN ('delivered', 'failed')) = (ended_at IS NOT NULL))
);
CREATE INDEX callbacks_due ON callbacks (project_id, next_attempt_at) WHERE state = 'pending';
CREATE INDEX callbacks_leases ON callbacks (lease_until) WHERE state = 'sending';
CREATE INDEX callbacks_busy ON callbacks (project_id) WHERE state IN ('pending', 'sending');
