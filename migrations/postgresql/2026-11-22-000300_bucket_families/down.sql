DELETE FROM buckets WHERE counts <> 'all';
ALTER TABLE buckets DROP CONSTRAINT buckets_pkey;
ALTER TABLE buckets DROP COLUMN counts;
ALTER TABLE buckets ADD PRIMARY KEY (partner, connection_id, window_ms);
