-- Limits of one length are told apart by the calls they count: all, or those that only read.
CREATE TABLE buckets_of_families (
    partner TEXT NOT NULL,
    connection_id BIGINT NOT NULL,
    window_ms BIGINT NOT NULL,
    counts TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (partner, connection_id, window_ms, counts)
);
INSERT INTO buckets_of_families (partner, connection_id, window_ms, counts, state)
SELECT partner, connection_id, window_ms, 'all', state FROM buckets;
DROP TABLE buckets;
ALTER TABLE buckets_of_families RENAME TO buckets;
