-- When a connection last got new tokens, and since when the partner has refused new ones.
ALTER TABLE connections ADD COLUMN refreshed_at BIGINT;
ALTER TABLE connections ADD COLUMN refused_since BIGINT;
-- A callback that was taken: a digest of what it brought, when, and how the connect ended. It gets
-- the same answer again until it expires.
ALTER TABLE oauth_attempts ADD COLUMN answer_digest BYTEA;
ALTER TABLE oauth_attempts ADD COLUMN taken_at BIGINT;
ALTER TABLE oauth_attempts ADD COLUMN outcome TEXT;
