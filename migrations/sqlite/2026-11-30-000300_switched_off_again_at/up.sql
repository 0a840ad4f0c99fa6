-- When a kind that the daemon switched off is tried again. Null for the user's own choices.
ALTER TABLE properties ADD COLUMN again_at INTEGER;
UPDATE properties SET again_at = 0 WHERE reason IS NOT NULL;
