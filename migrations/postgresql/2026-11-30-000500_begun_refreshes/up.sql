-- When a refresh was begun whose tokens are not stored yet. Null when there is none.
ALTER TABLE connections ADD COLUMN refresh_begun_at BIGINT;
