DROP TABLE admin_sessions;
CREATE TABLE admin_sessions (
    digest BLOB NOT NULL PRIMARY KEY,
    key_id TEXT NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);
CREATE INDEX admin_sessions_expired ON admin_sessions (expires_at);
DROP TABLE recovery_codes;
DROP TABLE administrators;
ALTER TABLE api_keys DROP COLUMN expires_at;
