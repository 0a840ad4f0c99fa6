ALTER TABLE oauth_attempts DROP COLUMN language;
ALTER TABLE oauth_attempts DROP COLUMN connect_link;
DROP TABLE connect_links;
