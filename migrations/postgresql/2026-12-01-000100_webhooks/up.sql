-- Why something changed, and by which partner: a record may be changed by another than it came from.
ALTER TABLE changes ADD COLUMN cause TEXT;
ALTER TABLE changes ADD COLUMN partner TEXT;

-- Since when the syncs of a connection are said to be failing.
ALTER TABLE connections ADD COLUMN failing_since BIGINT;

-- Where events are sent. All changes up to `position` were sent, stand in a message, or belong to a
-- user with a message that has failed.
CREATE TABLE webhook_endpoints (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    url_sealed BYTEA NOT NULL,
    secret_sealed BYTEA NOT NULL,
    previous_secret_sealed BYTEA,
    previous_until BIGINT,
    events TEXT NOT NULL,
    user_prefix TEXT,
    description TEXT,
    created_at BIGINT NOT NULL,
    position BIGINT NOT NULL,
    succeeded_at BIGINT,
    failing_since BIGINT,
    failures INTEGER NOT NULL DEFAULT 0,
    next_at BIGINT,
    last_error TEXT,
    disabled_at BIGINT,
    disabled_reason TEXT
);

-- Messages that were begun and not delivered yet: which changes, not what they say. `user_id` is NULL
-- if they are those of several users, of all but those in `without`. What a user's message that has failed is followed by, up to the
-- endpoint's position, waits for it.
CREATE TABLE webhook_messages (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    endpoint_id TEXT COLLATE "C" NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    user_id TEXT COLLATE "C",
    first_seq BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    without TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    step INTEGER NOT NULL DEFAULT 0,
    failing_since BIGINT,
    next_at BIGINT NOT NULL
);
CREATE INDEX webhook_messages_of ON webhook_messages (endpoint_id, first_seq);

-- Attempts to deliver. They hold no data of users.
CREATE TABLE webhook_deliveries (
    id BIGSERIAL NOT NULL PRIMARY KEY,
    endpoint_id TEXT COLLATE "C" NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    message_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    types TEXT NOT NULL,
    changes INTEGER NOT NULL,
    users INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    status_code INTEGER,
    error TEXT,
    duration_ms INTEGER NOT NULL,
    next_at BIGINT
);
CREATE INDEX webhook_deliveries_of ON webhook_deliveries (endpoint_id, id);
CREATE INDEX webhook_deliveries_by_outcome ON webhook_deliveries (endpoint_id, outcome, id);
CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (at);
