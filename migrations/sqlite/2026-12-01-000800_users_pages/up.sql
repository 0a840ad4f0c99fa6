-- A user's exercises and meals over time, which may be few among many measurements. Those have
-- records_by_type.
CREATE INDEX records_by_kind ON records (user_id, kind, start_at, id) WHERE measurement_type IS NULL;

-- Whoever deletes a record looks here for what goes with it.
CREATE INDEX previous_account_items_record ON previous_account_items (record_id);
