-- The error log of known scenarios: a row for each time that one was open. `subject` is what it is about
-- in one text; at most one incident of a code is open for it. There are ids in here, and neither
-- secrets nor health data.
CREATE TABLE incidents (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL,
    subject TEXT NOT NULL,
    partner TEXT,
    user_id TEXT,
    connection_id BIGINT REFERENCES connections (id) ON DELETE CASCADE,
    record_id TEXT,
    endpoint_id TEXT,
    external_id TEXT,
    users BIGINT,
    detail TEXT,
    times BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    closed_at BIGINT,
    closed_why TEXT
);
CREATE UNIQUE INDEX incidents_open ON incidents (code, subject) WHERE closed_at IS NULL;
CREATE INDEX incidents_of_connection ON incidents (connection_id);
CREATE INDEX incidents_of_partner ON incidents (partner) WHERE closed_at IS NULL;
CREATE INDEX incidents_of_user ON incidents (user_id, id);
CREATE INDEX incidents_closed ON incidents (closed_at) WHERE closed_at IS NOT NULL;

-- Whether the ends of syncs have an open incident of the connection to judge.
ALTER TABLE connections ADD COLUMN has_incidents BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX sync_items_refused ON sync_items (connection_id) WHERE state = 'refused';
