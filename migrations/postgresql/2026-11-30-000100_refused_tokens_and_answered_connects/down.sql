DELETE FROM oauth_attempts WHERE taken_at IS NOT NULL;
ALTER TABLE oauth_attempts DROP COLUMN outcome;
ALTER TABLE oauth_attempts DROP COLUMN taken_at;
ALTER TABLE oauth_attempts DROP COLUMN answer_digest;
ALTER TABLE connections DROP COLUMN refused_since;
ALTER TABLE connections DROP COLUMN refreshed_at;
