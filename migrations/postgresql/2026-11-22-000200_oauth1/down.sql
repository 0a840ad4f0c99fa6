ALTER TABLE oauth_attempts DROP COLUMN request_secret_sealed;
ALTER TABLE connections DROP COLUMN token_secret_sealed;
