CREATE TABLE buckets_of_one_family (
    partner TEXT NOT NULL,
    connection_id BIGINT NOT NULL,
    window_ms BIGINT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (partner, connection_id, window_ms)
);
INSERT INTO buckets_of_one_family (partner, connection_id, window_ms, state)
SELECT partner, connection_id, window_ms, state FROM buckets WHERE counts = 'all';
DROP TABLE buckets;
ALTER TABLE buckets_of_one_family RENAME TO buckets;
