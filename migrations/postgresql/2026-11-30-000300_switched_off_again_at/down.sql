ALTER TABLE properties DROP COLUMN again_at;
