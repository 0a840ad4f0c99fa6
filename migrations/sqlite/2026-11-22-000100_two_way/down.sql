DROP TABLE former_items;
CREATE TABLE old_sync_items (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    connection_id BIGINT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    record_id TEXT NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    external_id TEXT NOT NULL,
    external_group TEXT NOT NULL,
    content_digest BLOB NOT NULL,
    UNIQUE (connection_id, external_id)
);
INSERT INTO old_sync_items
    SELECT id, connection_id, record_id, external_id, coalesce(external_group, external_id), content_digest
    FROM sync_items WHERE external_id IS NOT NULL;
DROP TABLE sync_items;
ALTER TABLE old_sync_items RENAME TO sync_items;
CREATE INDEX sync_items_group ON sync_items (connection_id, external_group);
CREATE INDEX sync_items_record ON sync_items (record_id);
