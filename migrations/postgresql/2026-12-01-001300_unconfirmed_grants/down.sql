ALTER TABLE connect_links DROP COLUMN account;
ALTER TABLE connect_links DROP COLUMN confirm;
ALTER TABLE oauth_attempts DROP COLUMN confirm;
DROP TABLE unconfirmed_grants;
