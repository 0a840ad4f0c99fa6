-- Limits of one length are told apart by the calls they count: all, or those that only read.
ALTER TABLE buckets ADD COLUMN counts TEXT COLLATE "C" NOT NULL DEFAULT 'all';
ALTER TABLE buckets ALTER COLUMN counts DROP DEFAULT;
ALTER TABLE buckets DROP CONSTRAINT buckets_pkey;
ALTER TABLE buckets ADD PRIMARY KEY (partner, connection_id, window_ms, counts);
