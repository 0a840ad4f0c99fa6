-- The activity group at whose interval a connection is polled: the last one where notifications work.
ALTER TABLE connections ADD COLUMN polled_as INTEGER NOT NULL DEFAULT 0;
UPDATE connections SET polled_as = activity_group;
