-- Keys that seal values, wrapped with the master key `master_id`. Those of the installation: the newest of
-- the purpose `values` seals, the others open until every value is sealed with it; what is derived for
-- addresses comes from the one of the purpose `derived`.
CREATE TABLE data_keys (
    id TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    number BIGINT NOT NULL,
    master_id TEXT NOT NULL,
    wrapped BYTEA NOT NULL
);

-- One of each user. Without the row nothing that was sealed with it can be read again.
CREATE TABLE user_keys (
    user_id TEXT NOT NULL PRIMARY KEY,
    master_id TEXT NOT NULL,
    wrapped BYTEA NOT NULL,
    previous_wrapped BYTEA
);

-- Sealing again what is sealed with older keys: one row. `step` and `position` say how far it is. It is
-- asked for here because of the values that the versions before sealed with the master key.
CREATE TABLE key_work (
    id INTEGER NOT NULL PRIMARY KEY,
    asked BOOLEAN NOT NULL,
    asked_renew BOOLEAN NOT NULL,
    renew BOOLEAN NOT NULL,
    step INTEGER,
    position TEXT NOT NULL,
    done BIGINT NOT NULL,
    total BIGINT NOT NULL,
    began_at BIGINT,
    finished_at BIGINT,
    not_needed TEXT
);
INSERT INTO key_work VALUES (1, TRUE, FALSE, FALSE, NULL, '', 0, 0, NULL, NULL, NULL);
