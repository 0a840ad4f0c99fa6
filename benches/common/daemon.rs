//! The daemon in its own process.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

use super::control::{Control, number};
use super::database::Database;
use super::machine::{self, Memory};
use super::process::Running;

/// More calls than any bench makes.
const NO_LIMIT: &str = r#"[{calls = 1000000000, per = "1s"}]"#;

/// The setting for the limits of Withings, if limits are given.
pub(crate) fn with_limits(limits: Option<&String>) -> Option<(&'static str, String)> {
    limits.map(|limits| ("PARTNERS__WITHINGS__LIMITS", limits.clone()))
}

/// A running daemon.
pub(crate) struct Daemon {
    running: Running,
    admin: Control,
    /// Its base URL.
    pub(crate) url: String,
    /// When its process was started.
    pub(crate) started: Instant,
}

/// What it has done so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    /// Syncs that succeeded.
    pub(crate) done: u64,
    /// Syncs that failed or were limited; a bench must have none.
    pub(crate) failed: u64,
    /// Its processor time.
    pub(crate) cpu: Duration,
}

/// How late polls started, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lateness {
    /// The median.
    pub(crate) p50_ms: f64,
    /// The 99th percentile.
    pub(crate) p99_ms: f64,
    /// The maximum.
    pub(crate) worst_ms: f64,
}

/// Environment variables with settings for Withings only, at this URL. The names in `more` come
/// without the prefix.
pub(crate) fn environment(
    database: &Database,
    withings: &str,
    more: &[(&str, String)],
) -> Vec<(String, String)> {
    let given = [
        ("INSTALLED_PARTNERS", "withings".to_owned()),
        ("SERVER__LISTEN", "127.0.0.1:0".to_owned()),
        ("SERVER__PUBLIC_URL", "http://127.0.0.1:0".to_owned()),
        ("DATABASE__URL", database.url().to_owned()),
        ("VAULT__KEY_FILE", database.key_file().display().to_string()),
        ("LOG__FILTER", "warn,syncwell::cli::serve=info".to_owned()),
        ("PARTNERS__WITHINGS__CLIENT_ID", "syncwell-sandbox".to_owned()),
        ("PARTNERS__WITHINGS__CLIENT_SECRET", "sandbox-secret".to_owned()),
        ("PARTNERS__WITHINGS__API_URL", withings.to_owned()),
        ("PARTNERS__WITHINGS__TOKEN_URL", format!("{withings}/v2/oauth2")),
        ("PARTNERS__WITHINGS__LIMITS", NO_LIMIT.to_owned()),
    ];
    let all = given.iter().chain(more);
    all.map(|(name, value)| (format!("SYNCWELL__{name}"), value.clone())).collect()
}

/// The counters in the state of a partner actor: succeeded syncs, and failed or limited ones.
pub(crate) fn syncs(actor: &Value) -> anyhow::Result<(u64, u64)> {
    let failed = number(actor, "/syncs/failed")? + number(actor, "/syncs/limited")?;
    Ok((number(actor, "/syncs/done")?, failed))
}

impl Daemon {
    /// Starts one on a seeded database, with the settings of [`environment`].
    pub(crate) async fn start(
        database: &Database,
        withings: &str,
        settings: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_syncwell"));
        command.arg("serve").current_dir(database.folder());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SYNCWELL__")) {
            command.env_remove(name);
        }
        command.envs(environment(database, withings, settings));
        let began = Instant::now();
        let mut running = Running::start("the daemon", &mut command)?;
        let address = running.word_after("address=", Duration::from_secs(120)).await?;
        let url = format!("http://{address}");
        let admin = Control::new(url.clone(), Some(database.admin_key().to_owned()))?;
        while admin.get("/readyz").await.is_err() {
            running.alive()?;
            ensure!(began.elapsed() < Duration::from_secs(120), "it is not ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(Self { running, admin, url, started: began })
    }

    /// The state of its Withings actor.
    pub(crate) async fn actor(&self) -> anyhow::Result<Value> {
        let tree = self.admin.get("/admin/api/actors").await?;
        tree.pointer("/partners/0").cloned().context("there is no partner actor")
    }

    /// What it has done so far.
    pub(crate) async fn done(&self) -> anyhow::Result<Done> {
        // Repeated if the actor was busy for longer than its supervisor waits.
        let mut actor = self.actor().await?;
        let began = Instant::now();
        while actor.get("syncs").is_none() && began.elapsed() < Duration::from_secs(60) {
            tokio::time::sleep(Duration::from_millis(50)).await;
            actor = self.actor().await?;
        }
        let (done, failed) = syncs(&actor)?;
        Ok(Done { done, failed, cpu: machine::cpu_time(self.running.id())? })
    }

    /// How late the Withings polls started, if the daemon reports it.
    pub(crate) async fn lateness(&self) -> anyhow::Result<Option<Lateness>> {
        let actor = self.actor().await?;
        let reported = actor.get("lateness_ms");
        let of = |name: &str| reported?.get(name)?.as_f64();
        let all = (of("p50"), of("p99"), of("worst"));
        let (Some(p50_ms), Some(p99_ms), Some(worst_ms)) = all else { return Ok(None) };
        Ok(Some(Lateness { p50_ms, p99_ms, worst_ms }))
    }

    /// Its memory use.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        machine::memory(self.running.id())
    }

    /// Stops it gracefully; fails if it logged a warning or an error.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        self.running.alive()?;
        let log = self.running.printed();
        self.running.end(Duration::from_secs(60)).await?;
        let wrong: Vec<&str> =
            log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).collect();
        ensure!(wrong.is_empty(), "the daemon logged {} times: {:?}", wrong.len(), wrong.first());
        Ok(())
    }
}
