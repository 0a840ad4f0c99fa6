-- What a user granted and the host app has not confirmed yet: nothing is read with it. Of the token that
-- confirms it only a digest is stored, and the grant is sealed. After expires_at it is revoked at the
-- partner, which is tried again at retry_at.
CREATE TABLE unconfirmed_grants (
    token_digest BLOB NOT NULL PRIMARY KEY,
    connection_id BIGINT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    external_user_id TEXT NOT NULL,
    grant_sealed BLOB NOT NULL,
    expires_at BIGINT NOT NULL,
    retry_at BIGINT NOT NULL
);
CREATE INDEX unconfirmed_grants_retry ON unconfirmed_grants (retry_at);
CREATE INDEX unconfirmed_grants_of_connection ON unconfirmed_grants (connection_id);

-- Whether the host app confirms what comes of a connect.
ALTER TABLE oauth_attempts ADD COLUMN confirm BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE connect_links ADD COLUMN confirm BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE connect_links ADD COLUMN account TEXT;
