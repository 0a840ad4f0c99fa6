ALTER TABLE connections DROP COLUMN refresh_begun_at;
