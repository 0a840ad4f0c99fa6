-- From when on a key is refused.
ALTER TABLE api_keys ADD COLUMN expires_at BIGINT;

-- Who may use the administrator's pages. `totp_secret` is sealed; `totp_used_step` is the time step of the
-- last code that was accepted, so that none is accepted twice.
CREATE TABLE administrators (
    name TEXT NOT NULL PRIMARY KEY,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('full', 'read-only')),
    totp_secret BLOB,
    totp_used_step BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    last_sign_in_at BIGINT
);

-- Codes for when the second factor is lost; each works once.
CREATE TABLE recovery_codes (
    digest BLOB NOT NULL PRIMARY KEY,
    administrator TEXT NOT NULL REFERENCES administrators (name) ON DELETE CASCADE
);
CREATE INDEX recovery_codes_of ON recovery_codes (administrator);

-- A session is of a key or of an administrator, ends with it, and when it was not used for a while. Those of
-- before end: their browsers sign in again.
DROP TABLE admin_sessions;
CREATE TABLE admin_sessions (
    digest BLOB NOT NULL PRIMARY KEY,
    key_id TEXT REFERENCES api_keys (id) ON DELETE CASCADE,
    administrator TEXT REFERENCES administrators (name) ON DELETE CASCADE,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    CHECK ((key_id IS NULL) <> (administrator IS NULL))
);
CREATE INDEX admin_sessions_expired ON admin_sessions (expires_at);
CREATE INDEX admin_sessions_of ON admin_sessions (administrator);
