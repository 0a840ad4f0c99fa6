DROP INDEX previous_account_items_record;
DROP INDEX records_by_kind;
