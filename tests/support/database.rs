//! Test databases on the PostgreSQL server that the environment names: created empty, and dropped
//! at the end of the test.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio_postgres::{Client, NoTls};

/// The variable with the server's URL; without it tests use SQLite.
const SERVER: &str = "SYNCWELL_TEST_POSTGRES";

/// A separate database on a server.
#[derive(Debug)]
pub(crate) struct ServerDatabase {
    pub(crate) url: String,
    server: String,
    name: String,
}

/// The URL of the server that the tests use, if one is set.
pub(crate) fn server() -> Option<String> {
    std::env::var(SERVER).ok().filter(|server| !server.is_empty())
}

impl ServerDatabase {
    pub(crate) fn on(server: &str) -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        run(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        run(server, &format!("CREATE DATABASE {name}"));
        Self { url: with_database(server, &name), server: server.to_owned(), name }
    }
}

impl Drop for ServerDatabase {
    fn drop(&mut self) {
        run(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// The URL of another database on the server.
fn with_database(server: &str, name: &str) -> String {
    let (address, parameters) = server.split_once('?').unwrap_or((server, ""));
    let (address, _) = address.rsplit_once('/').unwrap();
    format!("{address}/{name}?{parameters}")
}

/// Runs a statement.
pub(crate) fn run(url: &str, statement: &str) {
    connected(url, async |client| client.batch_execute(statement).await.unwrap());
}

/// Runs `work` with a client, on its own thread because the test may already run in a runtime.
pub(crate) fn connected<T: Send>(url: &str, work: impl AsyncFnOnce(Client) -> T + Send) -> T {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            work(client).await
        })
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}
