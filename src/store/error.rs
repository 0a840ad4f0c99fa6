//! What can go wrong with the store.

use crate::vault::VaultError;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address in `database.url` is not one this program can open.
    #[error("database.url `{url}`: {reason}")]
    Url {
        /// The address, without a password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The database cannot be opened.
    #[error("cannot open the database {url}: {reason}")]
    Open {
        /// The address, without a password.
        url: String,
        /// Why, and how to fix it.
        reason: String,
    },
    /// The database cannot be reached; this may be temporary.
    #[error("cannot reach the database {url}: {reason}")]
    Unreachable {
        /// The address, without a password.
        url: String,
        /// Why, and how to fix it.
        reason: String,
    },
    /// Another daemon runs on the database.
    #[error(
        "another syncwell runs on the database {url} ({by}); stop it first: two would push twice and use each other's tokens"
    )]
    InUse {
        /// The address, without a password.
        url: String,
        /// Which one, and since when.
        by: String,
    },
    /// The tables cannot be brought up to date.
    #[error("cannot migrate the database {url}: {reason}")]
    Migration {
        /// The address, without a password.
        url: String,
        /// Why, and how to fix it.
        reason: String,
    },
    /// The tables are from a newer version of this program.
    #[error(
        "the database {url} has the migration {migration}, which this version of syncwell does not know; start the newer version"
    )]
    Newer {
        /// The address, without a password.
        url: String,
        /// The migration.
        migration: String,
    },
    /// The values in it were sealed with another key.
    #[error(
        "the database was sealed with the key {stored}, but the key in use is {given}; set vault.key_file to the right one, or, if the new key is to replace it, add the old one's file to vault.old_key_files"
    )]
    OtherKey {
        /// The id of the key the database was sealed with.
        stored: String,
        /// The id of the key in use.
        given: String,
    },
    /// Sealing or opening failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The file of the database is not the one that was opened.
    #[error(
        "the database file {file} was moved, deleted or replaced while in use; stop syncwell, put the file back or restore a backup, and start again"
    )]
    Moved {
        /// The file.
        file: String,
    },
    /// The database could not read or write: its disk is full or fails, its file is damaged or
    /// locked, or the server has a problem of its own.
    #[error("the database could not read or write: {0}")]
    Storage(String),
    /// A query failed. Its values are not included.
    #[error("the database refused a statement: {0}")]
    Query(String),
    /// No reader became free in time.
    #[error("the database is too busy")]
    Busy,
    /// The daemon is stopping.
    #[error("the database is closed")]
    Closed,
    /// A row holds a value that is not possible there.
    #[error("the database holds an unreadable {0}")]
    Corrupt(&'static str),
}

impl From<diesel::result::Error> for StoreError {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::DatabaseErrorKind::{ClosedConnection, UnableToSendCommand, Unknown};
        match error {
            diesel::result::Error::DatabaseError(
                ClosedConnection | UnableToSendCommand,
                information,
            ) => Self::Query(format!("the connection was lost ({})", information.message())),
            // What a statement itself can do wrong has a kind of its own.
            diesel::result::Error::DatabaseError(Unknown, information) => {
                Self::Storage(information.message().to_owned())
            }
            error => Self::Query(error.to_string()),
        }
    }
}

impl StoreError {
    /// Whether the database cannot be reached. The store itself logs when an outage begins and
    /// ends.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}
