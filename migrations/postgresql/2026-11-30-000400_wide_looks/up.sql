-- When a feed was last read as far back as its partner allows: to find late uploads and deletions.
ALTER TABLE cursors ADD COLUMN wide_look_at BIGINT;
