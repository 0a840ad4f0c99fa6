DROP TABLE delivered_data;
DROP TABLE subscriptions;
DROP INDEX connections_unheard;
ALTER TABLE connections DROP COLUMN delivered_at;
ALTER TABLE connections DROP COLUMN subscribed_at;
ALTER TABLE connections DROP COLUMN unheard_since;
ALTER TABLE connections DROP COLUMN trust;
ALTER TABLE connections DROP COLUMN notified_at;
