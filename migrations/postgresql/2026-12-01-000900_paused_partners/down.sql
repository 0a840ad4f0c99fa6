CREATE INDEX incidents_of_partner ON incidents (partner) WHERE closed_at IS NULL;
DROP INDEX incidents_closed_by_id;
DROP INDEX incidents_open_by_partner;
DROP INDEX incidents_open_by_code;
DROP INDEX incidents_open_by_id;
DROP INDEX connections_counted;
DROP TABLE paused_partners;
