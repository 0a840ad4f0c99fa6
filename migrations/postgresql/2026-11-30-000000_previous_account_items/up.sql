-- The items of the account that a connection had before.
ALTER TABLE former_items RENAME TO previous_account_items;
