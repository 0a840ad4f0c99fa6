-- What the daemon did in each minute of the last day. A minute without a row is one in which it did not run.
-- `at` is the minute's beginning. Lateness is how long after their time polls began; without polls it is null.
CREATE TABLE minutes (
    at BIGINT NOT NULL PRIMARY KEY,
    syncs_done BIGINT NOT NULL,
    syncs_failed BIGINT NOT NULL,
    syncs_limited BIGINT NOT NULL,
    records BIGINT NOT NULL,
    pushed BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    deliveries_done BIGINT NOT NULL,
    deliveries_failed BIGINT NOT NULL,
    late_p50_ms BIGINT,
    late_p95_ms BIGINT,
    late_worst_ms BIGINT
);
