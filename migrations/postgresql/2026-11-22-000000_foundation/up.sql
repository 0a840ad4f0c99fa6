-- Times are microseconds since 1970 in UTC; ids of people and partners' things are text; JSON is
-- text. Columns named *_sealed hold what the vault encrypted. What is looked up or sorted by is
-- compared byte by byte, so that lists have the same order in every database.

CREATE TABLE vault_keys (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    probe_sealed BYTEA NOT NULL
);

CREATE TABLE api_keys (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    scope TEXT NOT NULL,
    label TEXT NOT NULL,
    digest BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

CREATE TABLE connections (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL,
    partner TEXT COLLATE "C" NOT NULL,
    status TEXT NOT NULL,
    external_user_id TEXT COLLATE "C",
    access_token_sealed BYTEA,
    refresh_token_sealed BYTEA,
    access_expires_at BIGINT,
    scopes TEXT,
    activity_group INTEGER NOT NULL,
    silent_since BIGINT NOT NULL,
    failures INTEGER NOT NULL,
    last_poll_at BIGINT,
    next_poll_at BIGINT,
    last_push_at BIGINT,
    next_push_at BIGINT,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    connected_at BIGINT,
    UNIQUE (user_id, partner)
);
CREATE INDEX connections_account ON connections (partner, external_user_id);
CREATE INDEX connections_due ON connections (partner, status, next_poll_at);

CREATE TABLE oauth_attempts (
    state_digest BYTEA NOT NULL PRIMARY KEY,
    connection_id BIGINT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    return_url TEXT,
    verifier_sealed BYTEA,
    expires_at BIGINT NOT NULL
);
CREATE INDEX oauth_attempts_connection ON oauth_attempts (connection_id);

-- What can be set for a connection, with its default; a partner adds a row, not a column.
CREATE TABLE property_types (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value_type TEXT NOT NULL,
    default_value TEXT NOT NULL
);

CREATE TABLE properties (
    connection_id BIGINT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL REFERENCES property_types (name),
    value TEXT NOT NULL,
    reason TEXT,
    PRIMARY KEY (connection_id, name)
);

CREATE TABLE cursors (
    connection_id BIGINT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    feed TEXT COLLATE "C" NOT NULL,
    position TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (connection_id, feed)
);

CREATE TABLE records (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    measurement_type TEXT COLLATE "C",
    source_partner TEXT COLLATE "C",
    source_id TEXT COLLATE "C" NOT NULL,
    start_at BIGINT NOT NULL,
    start_offset INTEGER NOT NULL,
    end_at BIGINT,
    end_offset INTEGER,
    time_basis TEXT NOT NULL,
    content TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted BOOLEAN NOT NULL
);
CREATE INDEX records_of_user ON records (user_id, start_at, id);
CREATE INDEX records_by_source ON records (user_id, source_partner, source_id);

-- The tie between a record and its counterpart at one partner.
CREATE TABLE sync_items (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection_id BIGINT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    record_id TEXT COLLATE "C" NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    external_id TEXT COLLATE "C" NOT NULL,
    external_group TEXT COLLATE "C" NOT NULL,
    content_digest BYTEA NOT NULL,
    UNIQUE (connection_id, external_id)
);
CREATE INDEX sync_items_group ON sync_items (connection_id, external_group);
CREATE INDEX sync_items_record ON sync_items (record_id);

-- Every change of every record, in the order of its commit.
CREATE TABLE changes (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL,
    record_id TEXT COLLATE "C" NOT NULL,
    change TEXT NOT NULL,
    at BIGINT NOT NULL
);

-- The timeline. A sync that found nothing new is counted on the line before it.
CREATE TABLE syncs (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection_id BIGINT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    user_id TEXT COLLATE "C" NOT NULL,
    partner TEXT COLLATE "C" NOT NULL,
    cause TEXT NOT NULL,
    outcome TEXT NOT NULL,
    summary TEXT NOT NULL,
    detail TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT NOT NULL,
    repeats INTEGER NOT NULL
);
CREATE INDEX syncs_of_user ON syncs (user_id, id);
CREATE INDEX syncs_of_connection ON syncs (connection_id, id);

-- How much of each rate limit is used, written ahead. Connection 0 is the application.
CREATE TABLE buckets (
    partner TEXT COLLATE "C" NOT NULL,
    connection_id BIGINT NOT NULL,
    window_ms BIGINT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (partner, connection_id, window_ms)
);
