ALTER TABLE cursors DROP COLUMN wide_look_at;
