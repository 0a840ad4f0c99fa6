-- The changes of one user, for a stream of that user that goes on where it was.
CREATE INDEX changes_by_user ON changes (user_id, seq);

-- The changes of one record or connection: of old ones only the last is kept.
CREATE INDEX changes_by_record ON changes (record_id, seq) WHERE record_id IS NOT NULL;
CREATE INDEX changes_by_connection ON changes (connection_id, seq) WHERE connection_id IS NOT NULL;

-- Up to where that was done.
ALTER TABLE feed ADD COLUMN compacted_to BIGINT NOT NULL DEFAULT 0;

-- The oldest entries of the timeline. When an entry began never changes, unlike when it ended.
CREATE INDEX syncs_by_start ON syncs (started_at);
