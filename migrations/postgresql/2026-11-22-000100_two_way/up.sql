-- What stands between a record and its counterpart at a partner. Kept when the connection ends.
ALTER TABLE sync_items
    -- The partner's id; none until the partner has it.
    ALTER COLUMN external_id DROP NOT NULL,
    ALTER COLUMN external_group DROP NOT NULL,
    ADD COLUMN state TEXT NOT NULL DEFAULT 'in_step',
    -- What the record said when both sides last agreed; `content_digest` is what the partner showed last.
    ADD COLUMN agreed_digest BYTEA NOT NULL DEFAULT '',
    -- What the partner shows, or was sent, of a record that was pushed to it.
    ADD COLUMN shown TEXT,
    -- Whether a poll has shown what was pushed.
    ADD COLUMN echoed BOOLEAN NOT NULL DEFAULT TRUE,
    ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN reason TEXT,
    -- When the change that waits was made here.
    ADD COLUMN changed_at BIGINT,
    -- When what waits is to be pushed; none when nothing waits.
    ADD COLUMN due_at BIGINT,
    -- When it was last pushed.
    ADD COLUMN pushed_at BIGINT,
    ADD UNIQUE (connection_id, record_id);
UPDATE sync_items SET agreed_digest = content_digest,
    state = CASE WHEN length(content_digest) = 0 THEN 'gone' ELSE 'in_step' END;
ALTER TABLE sync_items
    ALTER COLUMN state DROP DEFAULT,
    ALTER COLUMN agreed_digest DROP DEFAULT,
    ALTER COLUMN echoed DROP DEFAULT,
    ALTER COLUMN attempts DROP DEFAULT;
CREATE INDEX sync_items_waiting ON sync_items (connection_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX sync_items_not_echoed ON sync_items (connection_id) WHERE NOT echoed;

-- Items of accounts that a connection was to before. They count for nothing, and are taken up
-- again when the user comes back to that account.
CREATE TABLE former_items (
    connection_id BIGINT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    account TEXT COLLATE "C" NOT NULL,
    record_id TEXT COLLATE "C" NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    external_id TEXT COLLATE "C",
    external_group TEXT COLLATE "C",
    state TEXT NOT NULL,
    content_digest BYTEA NOT NULL,
    agreed_digest BYTEA NOT NULL,
    shown TEXT,
    echoed BOOLEAN NOT NULL,
    changed_at BIGINT,
    PRIMARY KEY (connection_id, account, record_id)
);
