//! A new database in a temporary folder, with a vault key and an API key.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use anyhow::{Context, ensure};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use partner_sdk::secrecy::ExposeSecret;
use syncwell::clock::{Clock, SystemClock};
use syncwell::settings;
use syncwell::store::{KeyScope, Store};
use syncwell::vault::Vault;
use tempfile::TempDir;

use super::args::Kind;

/// An empty database with the daemon's tables.
pub(crate) struct Database {
    kind: Kind,
    url: String,
    key_file: PathBuf,
    admin_key: String,
    // Declared before the folder, so that it is dropped first.
    _server: Option<Server>,
    folder: TempDir,
}

impl Database {
    /// Creates a database; returns `None` if PostgreSQL is wanted but not installed.
    pub(crate) async fn new(kind: Kind) -> anyhow::Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let server = match kind {
            Kind::Sqlite => None,
            Kind::Postgres => match Server::start(folder.path())? {
                Some(server) => Some(server),
                None => return Ok(None),
            },
        };
        let url = match &server {
            None => format!("sqlite:{}", folder.path().join("syncwell.db").display()),
            Some(server) => server.url(),
        };
        let key_file = folder.path().join("syncwell.key");
        let vault = Arc::new(Vault::create_file(&key_file)?);
        let settings = settings::Database { url: url.clone(), ..settings::Database::default() };
        let opened = tokio::task::spawn_blocking(move || Store::open(&settings, vault));
        let store = opened.await??;
        let key = syncwell::keys::generate(KeyScope::Admin, "bench".to_owned());
        let admin_key = key.key.expose_secret().to_owned();
        store.add_key(key, SystemClock::new().now()).await?;
        tokio::task::spawn_blocking(move || drop(store)).await?;
        Ok(Some(Self { kind, url, key_file, admin_key, _server: server, folder }))
    }

    /// The URL for the settings.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The file with the vault key.
    pub(crate) fn key_file(&self) -> &Path {
        &self.key_file
    }

    /// An API key with the scope `admin`.
    pub(crate) fn admin_key(&self) -> &str {
        &self.admin_key
    }

    /// Its folder; the daemon runs there.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Opens it for direct statements.
    pub(crate) fn script(&self) -> anyhow::Result<Script> {
        match self.kind {
            Kind::Sqlite => {
                let path = self.folder.path().join("syncwell.db");
                let mut db = SqliteConnection::establish(&path.to_string_lossy())?;
                // A half-filled database need not survive a power loss.
                db.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA synchronous = OFF;")?;
                Ok(Script::Sqlite(db))
            }
            Kind::Postgres => {
                let mut psql = as_postgres("psql");
                psql.args(["-q", "-v", "ON_ERROR_STOP=1", "-h"]).arg(self.folder.path());
                psql.args(["-d", "postgres", "-f", "-"]);
                Ok(Script::Postgres(psql.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?))
            }
        }
    }

    /// Runs a query; returns the number in its column `number`.
    pub(crate) fn number(&self, query: &str) -> anyhow::Result<u64> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            number: i64,
        }
        let number = match self.script()? {
            Script::Sqlite(mut db) => diesel::sql_query(query).get_result::<Row>(&mut db)?.number,
            Script::Postgres(unused) => {
                finish(unused)?;
                let mut psql = as_postgres("psql");
                psql.args(["-At", "-h"]).arg(self.folder.path());
                let text = run(psql.args(["-d", "postgres", "-c", query]))?;
                String::from_utf8(text.stdout)?.trim().parse()?
            }
        };
        Ok(u64::try_from(number)?)
    }
}

/// Runs SQL statements; they are the same for both databases except for `with_ids` and `bytes`.
pub(crate) enum Script {
    /// Run by this process.
    Sqlite(SqliteConnection),
    /// Piped to `psql`.
    Postgres(Child),
}

impl Script {
    /// Runs statements.
    pub(crate) fn run(&mut self, statements: &str) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(db) => db.batch_execute(statements)?,
            Self::Postgres(psql) => {
                let input = psql.stdin.as_mut().context("psql takes nothing")?;
                input.write_all(statements.as_bytes())?;
            }
        }
        Ok(())
    }

    /// The clause between columns and values that allows explicit ids.
    pub(crate) fn with_ids(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "",
            Self::Postgres(_) => "OVERRIDING SYSTEM VALUE",
        }
    }

    /// Bytes as an SQL literal.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> String {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Self::Sqlite(_) => format!("X'{hex}'"),
            Self::Postgres(_) => format!("'\\x{hex}'"),
        }
    }

    /// Waits until all statements have run; then updates statistics and writes a checkpoint.
    pub(crate) fn end(self) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(mut db) => {
                db.batch_execute("PRAGMA wal_checkpoint(TRUNCATE); ANALYZE;")?;
                Ok(())
            }
            Self::Postgres(mut psql) => {
                let input = psql.stdin.as_mut().context("psql takes nothing")?;
                input.write_all(b"ANALYZE; CHECKPOINT;\n")?;
                finish(psql)
            }
        }
    }
}

fn finish(mut psql: Child) -> anyhow::Result<()> {
    drop(psql.stdin.take());
    let status = psql.wait()?;
    ensure!(status.success(), "psql ended with {status}");
    Ok(())
}

/// A PostgreSQL server with default settings, reached through a socket in its folder.
struct Server {
    programs: PathBuf,
    folder: PathBuf,
}

impl Server {
    /// Starts a server, if PostgreSQL is installed.
    fn start(folder: &Path) -> anyhow::Result<Option<Self>> {
        let mut versions: Vec<PathBuf> = match std::fs::read_dir("/usr/lib/postgresql") {
            Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
            Err(_) => return Ok(None),
        };
        versions.sort();
        let Some(programs) = versions.pop().map(|version| version.join("bin")) else {
            return Ok(None);
        };
        // PostgreSQL does not run as root, so its folder must not be accessible to root only.
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?;
        let (data, socket) = (folder.join("postgres"), folder.to_owned());
        std::fs::create_dir(&data)?;
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(folder).arg(&data))?;
        }
        let program = |name: &str| as_postgres(&programs.join(name).to_string_lossy());
        run(program("initdb").args(["--auth=trust", "-D"]).arg(&data))?;
        let server = Self { programs: programs.clone(), folder: folder.to_owned() };
        let options =
            format!("-c listen_addresses='' -c unix_socket_directories='{}'", socket.display());
        let log = folder.join("postgres/bench.log");
        // The server would inherit a pipe and keep it open for as long as it runs.
        let status = program("pg_ctl")
            .args(["-w", "-D"])
            .arg(&data)
            .arg("-l")
            .arg(&log)
            .args(["-o", &options, "start"])
            .stdout(Stdio::null())
            .status()?;
        ensure!(status.success(), "PostgreSQL does not start");
        Ok(Some(server))
    }

    fn url(&self) -> String {
        format!("postgres:///postgres?host={}&user=postgres", self.folder.display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut stop = as_postgres(&self.programs.join("pg_ctl").to_string_lossy());
        stop.arg("-D").arg(self.folder.join("postgres")).args(["-m", "immediate", "stop"]);
        // An error cannot be reported from here.
        drop(stop.output());
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|itself| itself.uid() == 0)
}

/// A program run as the user of PostgreSQL.
fn as_postgres(program: &str) -> Command {
    if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", program]);
        command
    } else {
        Command::new(program)
    }
}

fn run(command: &mut Command) -> anyhow::Result<Output> {
    let output = command.output().with_context(|| format!("{command:?} does not start"))?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {error}");
    Ok(output)
}
