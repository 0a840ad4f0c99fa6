DROP TABLE former_items;
DELETE FROM sync_items WHERE external_id IS NULL;
UPDATE sync_items SET external_group = external_id WHERE external_group IS NULL;
DROP INDEX sync_items_waiting;
DROP INDEX sync_items_not_echoed;
ALTER TABLE sync_items
    DROP CONSTRAINT sync_items_connection_id_record_id_key,
    ALTER COLUMN external_id SET NOT NULL,
    ALTER COLUMN external_group SET NOT NULL,
    DROP COLUMN state,
    DROP COLUMN agreed_digest,
    DROP COLUMN shown,
    DROP COLUMN echoed,
    DROP COLUMN attempts,
    DROP COLUMN reason,
    DROP COLUMN changed_at,
    DROP COLUMN due_at,
    DROP COLUMN pushed_at;
