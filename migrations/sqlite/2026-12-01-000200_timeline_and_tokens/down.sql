DROP INDEX syncs_by_start;
ALTER TABLE feed DROP COLUMN compacted_to;
DROP INDEX changes_by_connection;
DROP INDEX changes_by_record;
DROP INDEX changes_by_user;
