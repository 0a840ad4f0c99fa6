-- Links to the connect page of one user. Of the token in the link and of the secret in the cookie of the
-- first browser that opened it only digests are stored. `partners` is a list as JSON; null for all.
CREATE TABLE connect_links (
    id TEXT NOT NULL PRIMARY KEY,
    token_digest BLOB NOT NULL UNIQUE,
    browser_digest BLOB,
    user_id TEXT NOT NULL,
    language TEXT,
    return_url TEXT,
    partners TEXT,
    expires_at BIGINT NOT NULL
);
CREATE INDEX connect_links_expiry ON connect_links (expires_at);

-- The connect page that a connect was begun on, and the language its user reads.
ALTER TABLE oauth_attempts ADD COLUMN connect_link TEXT;
ALTER TABLE oauth_attempts ADD COLUMN language TEXT;
