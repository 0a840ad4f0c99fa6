-- The feed also tells what happens to connections: each change is of a record or of a connection.
ALTER TABLE changes ALTER COLUMN record_id DROP NOT NULL;
ALTER TABLE changes ADD COLUMN connection_id BIGINT;
CREATE INDEX changes_of_connections ON changes (seq) WHERE connection_id IS NOT NULL;

-- The feed's name, in every cursor: a cursor of another database is noticed.
CREATE TABLE feed (id TEXT COLLATE "C" NOT NULL PRIMARY KEY);
INSERT INTO feed (id)
    VALUES (substr(md5(random()::text || clock_timestamp()::text || pg_backend_pid()::text), 1, 16));

-- Connections of all users are listed by partner and id.
CREATE INDEX connections_of_partner ON connections (partner, id);
CREATE INDEX connections_by_status ON connections (status, partner, id);

-- The latest measurement of a type, which may be far behind what else a user has.
CREATE INDEX records_by_type ON records (user_id, measurement_type, start_at, id)
    WHERE measurement_type IS NOT NULL;
