DROP INDEX incidents_open_of_partner;
DROP TABLE admin_sessions;
