-- Who is signed in to the administrator's pages: a browser has the secret, here is only its digest.
-- A session ends with its key.
CREATE TABLE admin_sessions (
    digest BYTEA NOT NULL PRIMARY KEY,
    key_id TEXT NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);
CREATE INDEX admin_sessions_expired ON admin_sessions (expires_at);
