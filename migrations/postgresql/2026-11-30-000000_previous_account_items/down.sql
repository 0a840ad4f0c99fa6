ALTER TABLE previous_account_items RENAME TO former_items;
