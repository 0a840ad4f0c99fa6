DROP INDEX records_by_type;
DROP INDEX connections_by_status;
DROP INDEX connections_of_partner;
DROP TABLE feed;
CREATE TABLE old_changes (
    seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL,
    record_id TEXT NOT NULL,
    change TEXT NOT NULL,
    at BIGINT NOT NULL
);
INSERT INTO old_changes (seq, user_id, record_id, change, at)
    SELECT seq, user_id, record_id, change, at FROM changes WHERE record_id IS NOT NULL;
DROP TABLE changes;
ALTER TABLE old_changes RENAME TO changes;
