-- When a connection is due next, for a poll or a push; none when it is not synced. The schedule is
-- read in this order, a stretch at a time.
ALTER TABLE connections ADD COLUMN due_at BIGINT GENERATED ALWAYS AS (
    CASE WHEN status = 'connected' THEN LEAST(next_poll_at, next_push_at) END
) STORED;
DROP INDEX connections_due;
CREATE INDEX connections_due ON connections (partner, due_at, id);
