-- How much each webhook endpoint took and refused, for each five minutes of the last day: counting the
-- attempts themselves would read millions.
CREATE TABLE delivery_counts (
    endpoint_id TEXT NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    delivered BIGINT NOT NULL,
    changes BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    PRIMARY KEY (endpoint_id, at)
);

-- When a key was last used, to the minute.
ALTER TABLE api_keys ADD COLUMN last_used_at BIGINT;
