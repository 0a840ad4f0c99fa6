//! A daemon, a sandbox, a host app and its users' browsers.

#[path = "harness/life.rs"]
mod life;
#[path = "harness/pages.rs"]
mod pages;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use futures_util::StreamExt;
use partner_sandbox::{Limits, Options, Sandbox};
use partner_sdk::secrecy::ExposeSecret;
use serde_json::Value;
use syncwell::clock::{Clock, SystemClock};
use syncwell::settings;
use syncwell::store::{KeyScope, Store};
use syncwell::vault::Vault;
use tempfile::TempDir;

pub(crate) use self::pages::Pages;
use crate::database::{self, ServerDatabase};
pub(crate) use crate::host_app::HostApp;
pub(crate) use crate::items::{stored_before, values, weight};
use crate::ports;

/// What is waited for must have happened by then.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(90);

/// The limits of both partners unless a test replaces them. Its window is one no limit of a test
/// has, so that what was used of it does not count there.
pub(crate) const UNLIMITED: &str = "limits = [{calls = 1000000, per = \"1s\"}]\n";

/// For the environment of a daemon whose clock [`Daemon::let_pass`] is to move: the file in its folder.
pub(crate) const MOVED_CLOCK: (&str, &str) = ("SYNCWELL_TEST_CLOCK", "clock");

/// For the environment of a daemon that partners notify. Others only poll, so that nothing comes by
/// itself.
pub(crate) const NOTIFIED: (&str, &str) = ("SYNCWELL_TEST_NOTIFICATIONS", "on");

/// What was being pushed at a kill is looked for at once: the simulators act on no call late unless asked.
const AT_ONCE: (&str, &str) = ("SYNCWELL__SCHEDULER__LATE_CALLS", "0s");

/// The sandbox of a test: two partners without history, without limits unless the test sets some.
pub(crate) fn sandbox() -> Sandbox {
    sandbox_with(Options::default())
}

pub(crate) fn sandbox_with(options: Options) -> Sandbox {
    let withings = Limits { same_call_seconds: Some(10), ..Limits::none() };
    let limits = [("withings", withings)].into();
    Sandbox::start(Options { accounts: 0, history_days: 0, limits, unlimited: true, ..options })
        .unwrap()
}

/// A daemon and what it needs; ended and removed when dropped.
pub(crate) struct Daemon {
    child: Option<Child>,
    folder: TempDir,
    on_server: Option<ServerDatabase>,
    settings: String,
    database: String,
    environment: Vec<(String, String)>,
    pub(crate) address: String,
    pub(crate) app: HostApp,
    pub(crate) admin: HostApp,
    log: Arc<Mutex<String>>,
    /// The socket that the next process is given instead of opening one.
    socket: Option<std::net::TcpListener>,
    /// What [`Daemon::let_pass`] let pass.
    passed: Duration,
}

impl Daemon {
    /// Starts a daemon that uses `sandbox`. `extra` is TOML for tables not set here.
    pub(crate) async fn start(sandbox: &Sandbox, extra: &str) -> Self {
        Self::start_with(sandbox, extra, &[]).await
    }

    pub(crate) async fn start_with(
        sandbox: &Sandbox,
        extra: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        Self::start_of(&["withings", "runkeeper"], sandbox, extra, environment).await
    }

    /// The same with other partners.
    pub(crate) async fn start_of(
        partners: &[&str],
        sandbox: &Sandbox,
        extra: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let on_server = database::server().map(|server| ServerDatabase::on(&server));
        let database = match &on_server {
            Some(database) => database.url.clone(),
            None => format!("sqlite:{}", folder.path().join("test.db").display()),
        };
        let port = ports::free();
        let address = format!("http://127.0.0.1:{port}");
        let mut settings = format!(
            "installed_partners = {partners:?}\n\
             [server]\nlisten = \"127.0.0.1:{port}\"\npublic_url = \"{address}\"\n\
             [database]\nurl = \"{database}\"\n[log]\nfilter = \"syncwell=debug,info\"\n"
        );
        for partner in partners {
            let urls = sandbox.urls(partner);
            let (id, secret) = (sandbox.client_id(partner), sandbox.client_secret(partner));
            let addresses = [
                ("authorize_url", Some(urls.authorize_url)),
                ("request_token_url", urls.request_token_url),
                ("token_url", Some(urls.token_url)),
                ("api_url", Some(urls.api_url)),
                ("revoke_url", urls.revoke_url),
            ];
            write!(
                settings,
                "[partners.{partner}]\nclient_id = \"{id}\"\nclient_secret = \"{secret}\"\n{UNLIMITED}"
            )
            .unwrap();
            if !environment.contains(&NOTIFIED) {
                settings.push_str("notifications = false\n");
            }
            for (key, url) in addresses {
                if let Some(url) = url {
                    writeln!(settings, "{key} = \"{url}\"").unwrap();
                }
            }
        }
        settings.push_str(extra);
        let none = HostApp::new(address.clone(), String::new());
        let mut daemon = Self {
            child: None,
            folder,
            on_server,
            settings,
            database,
            environment: [AT_ONCE]
                .iter()
                .chain(environment)
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
            address,
            app: none.clone(),
            admin: none,
            log: Arc::default(),
            socket: None,
            passed: Duration::ZERO,
        };
        daemon.make_keys().await;
        daemon.launch().await;
        daemon
    }

    /// Runs a command of the same binary with the same settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Output {
        Command::new(env!("CARGO_BIN_EXE_syncwell"))
            .current_dir(self.folder.path())
            .envs(self.environment.iter().filter(|(name, _)| name.starts_with("SYNCWELL")).cloned())
            .args(arguments)
            .arg("--config")
            .arg(self.settings_file())
            .output()
            .unwrap()
    }

    /// Keys as `syncwell key create` makes them, without two processes for every daemon.
    async fn make_keys(&mut self) {
        let vault = Vault::create_file(&self.folder.path().join("syncwell.key")).unwrap();
        let named = self.environment.iter().find(|(name, _)| name == "SYNCWELL__DATABASE__URL");
        let url = named.map_or_else(|| self.database.clone(), |(_, url)| url.clone());
        let open = move || {
            let database = settings::Database { url, readers: 1, ..Default::default() };
            Store::open(&database, Arc::new(vault)).unwrap()
        };
        let store = tokio::task::spawn_blocking(open).await.unwrap();
        for (app, scope) in [(&mut self.app, KeyScope::App), (&mut self.admin, KeyScope::Admin)] {
            let key = syncwell::keys::generate(scope, String::new());
            app.key = key.key.expose_secret().to_owned();
            store.add_key(key, SystemClock::new().now()).await.unwrap();
        }
        // It waits for its writer's end.
        tokio::task::spawn_blocking(move || drop(store)).await.unwrap();
    }

    /// Lets time pass at the sandbox and in the daemon, which must have been given [`MOVED_CLOCK`].
    /// No call may be under way: the two would date it differently.
    pub(crate) fn let_pass(&mut self, sandbox: &Sandbox, by: Duration) {
        // The partner first: seen by a partner that is behind, a daemon calls too early.
        sandbox.control().pass(by);
        self.passed += by;
        self.write_clock();
    }

    /// Sets the daemon's clock, and not the sandbox's, ahead of the machine's by that much.
    pub(crate) fn set_clock_ahead(&mut self, by: Duration) {
        self.passed = by;
        self.write_clock();
    }

    fn write_clock(&self) {
        let (file, new) = (self.folder.path().join(MOVED_CLOCK.1), self.folder.path().join("new"));
        std::fs::write(&new, self.passed.as_millis().to_string()).unwrap();
        std::fs::rename(new, file).unwrap();
    }

    fn settings_file(&self) -> PathBuf {
        let path = self.folder.path().join("syncwell.toml");
        let new = path.with_extension("new");
        // A process that has just been started may still be reading it.
        std::fs::write(&new, &self.settings).unwrap();
        std::fs::rename(new, &path).unwrap();
        path
    }

    /// The files of the database and whatever else the daemon wrote.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let files = entries.map(|entry| entry.unwrap().path());
        let mut files: Vec<_> =
            files.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
        if let Some(database) = &self.on_server {
            files.push(("tables".into(), tables(&database.url)));
        }
        files
    }

    /// The file of the database, if it is in one.
    pub(crate) fn database_file(&self) -> Option<PathBuf> {
        self.on_server.is_none().then(|| self.folder.path().join("test.db"))
    }

    /// Runs a statement on the database of a daemon that is stopped, as if time had passed.
    pub(crate) fn rewrite(&self, statement: &str) {
        match &self.on_server {
            Some(database) => database::run(&database.url, statement),
            None => {
                let path = self.database_file().unwrap();
                let mut db = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
                db.batch_execute(statement).unwrap();
            }
        }
    }

    /// What the daemon logged.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Gives both partners these limits at the next launch; empty for the manifests' own.
    pub(crate) fn set_limits(&mut self, limits: &str) {
        assert!(self.settings.contains(UNLIMITED));
        self.settings = self.settings.replace(UNLIMITED, limits);
    }

    /// What the next process finds in its environment.
    pub(crate) fn set_environment(&mut self, environment: &[(&str, &str)]) {
        let all = [AT_ONCE].iter().chain(environment).copied().collect::<Vec<_>>();
        let owned = all.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        self.environment = owned.collect();
    }

    /// One partner's node of the actor tree.
    pub(crate) async fn actor(&self, partner: &str) -> Value {
        let tree = self.admin.get("/admin/api/actors").await;
        let nodes = tree["partners"].as_array().unwrap().clone();
        nodes.into_iter().find(|node| node["partner"] == partner).unwrap()
    }
}

/// Whether `holds` comes to hold in time.
pub(crate) async fn eventually(mut holds: impl AsyncFnMut() -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < TIMEOUT {
        if holds().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    false
}

/// Everything in the tables of a database, as it is sent.
fn tables(url: &str) -> Vec<u8> {
    database::connected(url, async |client| {
        let names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'";
        let mut found = Vec::new();
        for row in client.query(names, &[]).await.unwrap() {
            let copy = format!("COPY {} TO STDOUT (FORMAT binary)", row.get::<_, &str>(0));
            let mut rows = std::pin::pin!(client.copy_out(&copy).await.unwrap());
            while let Some(bytes) = rows.next().await {
                found.extend(bytes.unwrap());
            }
        }
        found
    })
}

/// Makes an account without data.
pub(crate) fn empty_account(sandbox: &Sandbox, partner: &str, name: &str) {
    let time_zone = Some("Europe/Helsinki".into());
    let change = partner_sandbox::AccountChange { time_zone, empty: true, history_days: None };
    sandbox.control().put_account(partner, name, &change).unwrap();
}
