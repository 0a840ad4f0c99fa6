-- What stands between a record and its counterpart at a partner. Kept when the connection ends;
-- SQLite cannot make a column nullable, so the table is made anew.
CREATE TABLE new_sync_items (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    connection_id BIGINT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    record_id TEXT NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    -- The partner's id; none until the partner has it.
    external_id TEXT,
    external_group TEXT,
    state TEXT NOT NULL,
    -- What the partner showed last.
    content_digest BLOB NOT NULL,
    -- What the record said when both sides last agreed.
    agreed_digest BLOB NOT NULL,
    -- What the partner shows, or was sent, of a record that was pushed to it.
    shown TEXT,
    -- Whether a poll has shown what was pushed.
    echoed BOOLEAN NOT NULL,
    attempts INTEGER NOT NULL,
    reason TEXT,
    -- When the change that waits was made here.
    changed_at BIGINT,
    -- When what waits is to be pushed; none when nothing waits.
    due_at BIGINT,
    -- When it was last pushed.
    pushed_at BIGINT,
    UNIQUE (connection_id, external_id),
    UNIQUE (connection_id, record_id)
);
INSERT INTO new_sync_items (id, connection_id, record_id, external_id, external_group, state, content_digest, agreed_digest, echoed, attempts)
    SELECT id, connection_id, record_id, external_id, external_group,
        CASE WHEN length(content_digest) = 0 THEN 'gone' ELSE 'in_step' END, content_digest, content_digest, TRUE, 0
    FROM sync_items;
DROP TABLE sync_items;
ALTER TABLE new_sync_items RENAME TO sync_items;
CREATE INDEX sync_items_group ON sync_items (connection_id, external_group);
CREATE INDEX sync_items_record ON sync_items (record_id);
CREATE INDEX sync_items_waiting ON sync_items (connection_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX sync_items_not_echoed ON sync_items (connection_id) WHERE NOT echoed;

-- Items of accounts that a connection was to before. They count for nothing, and are taken up
-- again when the user comes back to that account.
CREATE TABLE former_items (
    connection_id BIGINT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    account TEXT NOT NULL,
    record_id TEXT NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    external_id TEXT,
    external_group TEXT,
    state TEXT NOT NULL,
    content_digest BLOB NOT NULL,
    agreed_digest BLOB NOT NULL,
    shown TEXT,
    echoed BOOLEAN NOT NULL,
    changed_at BIGINT,
    PRIMARY KEY (connection_id, account, record_id)
);
