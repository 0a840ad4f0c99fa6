-- What the user chose before the connect, as JSON: it is set with the connect.
ALTER TABLE oauth_attempts ADD COLUMN choices TEXT;
