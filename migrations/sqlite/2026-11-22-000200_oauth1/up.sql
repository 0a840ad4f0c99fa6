-- OAuth 1.0a: tokens have a secret that signs what is sent with them, and so has the request token
-- of a connect under way.
ALTER TABLE connections ADD COLUMN token_secret_sealed BLOB;
ALTER TABLE oauth_attempts ADD COLUMN request_secret_sealed BLOB;
