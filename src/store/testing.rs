//! A database for each test: a file, and one on the server that the environment names.

use diesel::Connection;
use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;
use tempfile::TempDir;

#[path = "../../tests/support/database.rs"]
mod database;

use self::database::ServerDatabase;

/// An empty database, removed when dropped.
pub(crate) struct TestDatabase {
    pub(crate) url: String,
    _folder: Option<TempDir>,
    _on_server: Option<ServerDatabase>,
}

/// One database of each available kind.
pub(crate) fn databases() -> Vec<TestDatabase> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("a.db").display());
    let mut databases = vec![TestDatabase { url, _folder: Some(folder), _on_server: None }];
    databases.extend(server_database());
    databases
}

/// A database on the server, if the environment names one.
pub(crate) fn server_database() -> Option<TestDatabase> {
    let database = ServerDatabase::on(&database::server()?);
    let url = database.url.clone();
    Some(TestDatabase { url, _folder: None, _on_server: Some(database) })
}

/// Runs a statement on a database, beside the store.
pub(crate) fn execute(url: &str, statement: &str) {
    match url.strip_prefix("sqlite:") {
        Some(file) => {
            SqliteConnection::establish(file).unwrap().batch_execute(statement).unwrap();
        }
        None => database::run(url, statement),
    }
}
