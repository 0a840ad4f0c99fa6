-- The feed also tells what happens to connections: each change is of a record or of a connection.
-- SQLite cannot make a column nullable, so the table is replaced.
CREATE TABLE new_changes (
    seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL,
    record_id TEXT,
    connection_id BIGINT,
    change TEXT NOT NULL,
    at BIGINT NOT NULL
);
INSERT INTO new_changes (seq, user_id, record_id, change, at)
    SELECT seq, user_id, record_id, change, at FROM changes;
DROP TABLE changes;
ALTER TABLE new_changes RENAME TO changes;
CREATE INDEX changes_of_connections ON changes (seq) WHERE connection_id IS NOT NULL;

-- The feed's name, in every cursor: a cursor of another database is noticed.
CREATE TABLE feed (id TEXT NOT NULL PRIMARY KEY);
INSERT INTO feed (id) VALUES (lower(hex(randomblob(8))));

-- Connections of all users are listed by partner and id.
CREATE INDEX connections_of_partner ON connections (partner, id);
CREATE INDEX connections_by_status ON connections (status, partner, id);

-- The latest measurement of a type, which may be far behind what else a user has.
CREATE INDEX records_by_type ON records (user_id, measurement_type, start_at, id)
    WHERE measurement_type IS NOT NULL;
