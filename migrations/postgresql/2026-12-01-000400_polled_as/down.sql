ALTER TABLE connections DROP COLUMN polled_as;
