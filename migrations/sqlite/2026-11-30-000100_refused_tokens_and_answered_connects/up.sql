-- When a connection last got new tokens, and since when the partner has refused new ones.
ALTER TABLE connections ADD COLUMN refreshed_at INTEGER;
ALTER TABLE connections ADD COLUMN refused_since INTEGER;
-- A callback that was taken: a digest of what it brought, when, and how the connect ended. It gets
-- the same answer again until it expires.
ALTER TABLE oauth_attempts ADD COLUMN answer_digest BLOB;
ALTER TABLE oauth_attempts ADD COLUMN taken_at INTEGER;
ALTER TABLE oauth_attempts ADD COLUMN outcome TEXT;
