//! Why a server refused a connection, as messages for the operator.

use std::error::Error;
use std::io;

use rustls::CertificateError;
use tokio_postgres::error::{DbError, SqlState};

use super::options::Options;
use super::tls;

/// The oldest server that supports the statements.
const OLDEST: u32 = 12;

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Refusal {
    /// What happened, and how to fix it.
    pub(in crate::store) reason: String,
    /// Whether it may be temporary, as when the server is starting.
    pub(in crate::store) passes: bool,
}

impl Refusal {
    pub(in crate::store) fn lasting(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), passes: false }
    }

    pub(in crate::store) fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), passes: true }
    }
}

/// Finds an error of type `E` among an error's causes.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // An `io::Error` treats the error it holds as itself, not as its source.
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = held.map(|held| held as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

/// Explains a failed attempt to connect.
pub(in crate::store) fn refusal(error: &(dyn Error + 'static), options: &Options) -> Refusal {
    if let Some(error) = find::<DbError>(error) {
        return refused(error, options);
    }
    if let Some(error) = find::<rustls::Error>(error) {
        return Refusal::lasting(distrusted(error, options));
    }
    let text = tls::chain(error);
    let place = options.place();
    if text.contains("server does not support TLS") {
        return Refusal::lasting(format!(
            "{place} offers no TLS; switch it on there (ssl = on), or, where nobody can listen in \
             between, put sslmode=prefer into database.url"
        ));
    }
    if text.contains("password missing") {
        return Refusal::lasting(format!(
            "{place} asks for a password; put it into database.url (SYNCWELL__DATABASE__URL) as \
             postgres://{}:PASSWORD@…",
            options.user()
        ));
    }
    match find::<io::Error>(error) {
        Some(error) => unreachable_by(error, &text, &place),
        None => Refusal::lasting(text),
    }
}

fn refused(error: &DbError, options: &Options) -> Refusal {
    let (user, database, place) = (options.user(), options.database(), options.place());
    let said = error.message();
    match *error.code() {
        SqlState::INVALID_PASSWORD => Refusal::lasting(format!(
            "{place} does not take the password of the user {user}; put the right one into \
             database.url (SYNCWELL__DATABASE__URL)"
        )),
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION => Refusal::lasting(format!(
            "{place} does not let the user {user} in ({said}); make the user (createuser), or let \
             it in by pg_hba.conf"
        )),
        SqlState::INVALID_CATALOG_NAME => Refusal::lasting(format!(
            "there is no database {database} at {place}; make it: {}",
            options.createdb()
        )),
        SqlState::INSUFFICIENT_PRIVILEGE => Refusal::lasting(format!(
            "the user {user} may not connect to the database {database} ({said}); as its owner: \
             GRANT CONNECT ON DATABASE {database} TO {user}"
        )),
        SqlState::TOO_MANY_CONNECTIONS => Refusal::passing(format!(
            "{place} has no connection left ({said}); raise max_connections there, or lower \
             database.readers"
        )),
        SqlState::CANNOT_CONNECT_NOW | SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN => {
            Refusal::passing(format!("{place} is not ready ({said})"))
        }
        _ => Refusal::lasting(format!("{place} says: {said}")),
    }
}

fn distrusted(error: &rustls::Error, options: &Options) -> String {
    let place = options.place();
    match error {
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => format!(
            "the certificate of {place} is not for that name ({error}); name the host as the \
             certificate does, or put sslmode=verify-ca into database.url"
        ),
        rustls::Error::InvalidCertificate(_) => format!(
            "the certificate of {place} is not trusted ({error}); put sslrootcert=FILE with the \
             certificate of its authority into database.url"
        ),
        _ => format!("TLS with {place} failed: {error}"),
    }
}

fn unreachable_by(error: &io::Error, text: &str, place: &str) -> Refusal {
    use io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied, TimedOut};
    match error.kind() {
        ConnectionRefused => Refusal::passing(format!(
            "nothing listens at {place}; start the server there, or mend host and port in \
             database.url"
        )),
        NotFound => Refusal::passing(format!(
            "there is no socket {place}; start the server, or name its folder by ?host= in \
             database.url"
        )),
        PermissionDenied => Refusal::lasting(format!("{place} may not be opened: {error}")),
        TimedOut => Refusal::passing(format!("{place} does not answer")),
        _ if text.contains("lookup") => Refusal::passing(format!(
            "nobody knows the host of {place}; mend it in database.url, or the machine's name \
             service"
        )),
        _ => Refusal::passing(format!("{place}: {text}")),
    }
}

/// Refuses a server that is too old.
pub(in crate::store) fn check_version(
    version: Option<&str>,
    options: &Options,
) -> Result<(), Refusal> {
    let major = version.and_then(|version| {
        version.split(|letter: char| !letter.is_ascii_digit()).next()?.parse::<u32>().ok()
    });
    match (major, version) {
        (Some(major), Some(version)) if major < OLDEST => Err(Refusal::lasting(format!(
            "{} runs PostgreSQL {version}; at least {OLDEST} is needed",
            options.place()
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_too_old_is_refused_by_its_version() {
        let options = Options::parse("postgres://ann:hush@db/x").unwrap();
        for (version, is_good) in
            [("11.22", false), ("9.6.24", false), ("12.1", true), ("18beta1", true), ("?", true)]
        {
            let checked = check_version(Some(version), &options);
            assert_eq!(checked.is_ok(), is_good, "{version}");
            if let Err(refusal) = checked {
                assert!(refusal.reason.contains("db:5432 runs PostgreSQL"), "{}", refusal.reason);
                assert!(!refusal.passes && !refusal.reason.contains("hush"));
            }
        }
    }
}
