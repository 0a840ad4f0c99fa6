DROP INDEX connections_due;
CREATE INDEX connections_due ON connections (partner, status, next_poll_at);
ALTER TABLE connections DROP COLUMN due_at;
