-- Who did what to whom, never changed and never deleted. `entry` is what the hash is over, as JSON: it names a
-- user by a keyed digest alone. `subject` names the user readably, until the user is erased; `subject_digest`
-- finds the entries of a user whose name is known.
CREATE TABLE audit_log (
    seq BIGINT NOT NULL PRIMARY KEY,
    entry TEXT NOT NULL,
    hash BYTEA NOT NULL,
    subject TEXT,
    subject_digest BYTEA
);
CREATE INDEX audit_log_of_subject ON audit_log (subject_digest, seq);
CREATE INDEX audit_log_subject ON audit_log (subject);

CREATE FUNCTION audit_log_is_append_only() RETURNS trigger AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END;
$$ LANGUAGE plpgsql;
CREATE TRIGGER audit_log_is_not_shortened BEFORE DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION audit_log_is_append_only();
CREATE TRIGGER audit_log_is_not_changed BEFORE UPDATE ON audit_log
    FOR EACH ROW
    WHEN (NEW.subject IS NOT NULL OR NEW.seq <> OLD.seq OR NEW.entry <> OLD.entry OR NEW.hash <> OLD.hash)
    EXECUTE FUNCTION audit_log_is_append_only();
