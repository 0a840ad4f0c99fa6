-- When a partner last announced something for a connection, and how far its announcements are trusted.
ALTER TABLE connections ADD COLUMN notified_at BIGINT;
ALTER TABLE connections ADD COLUMN trust TEXT;
-- Since when announcements are missing that should have come; none while they come.
ALTER TABLE connections ADD COLUMN unheard_since BIGINT;
CREATE INDEX connections_unheard ON connections (partner, unheard_since) WHERE unheard_since IS NOT NULL;
-- Since when its subscription is in place.
ALTER TABLE connections ADD COLUMN subscribed_at BIGINT;
-- When data came with an announcement that no poll has had yet.
ALTER TABLE connections ADD COLUMN delivered_at BIGINT;

-- What a partner was asked to announce. Connection 0 is the application as a whole.
CREATE TABLE subscriptions (
    connection_id BIGINT NOT NULL,
    partner TEXT NOT NULL,
    url_digest BLOB NOT NULL,
    state_sealed BLOB,
    issued_secret_sealed BLOB,
    subscribed_at BIGINT,
    expires_at BIGINT,
    checked_at BIGINT NOT NULL,
    next_check_at BIGINT NOT NULL,
    failures INTEGER NOT NULL,
    error TEXT,
    PRIMARY KEY (connection_id, partner)
);
CREATE INDEX subscriptions_check ON subscriptions (partner, next_check_at, connection_id);

-- Data that came with an announcement and waits for the next poll of its feed.
CREATE TABLE delivered_data (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    connection_id BIGINT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    feed TEXT NOT NULL,
    payload_sealed BLOB NOT NULL,
    received_at BIGINT NOT NULL
);
CREATE INDEX delivered_data_of_feed ON delivered_data (connection_id, feed, id);
