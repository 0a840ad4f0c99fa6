ALTER TABLE oauth_attempts DROP COLUMN choices;
