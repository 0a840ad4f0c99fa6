//! The simulated partner in its own process.

use std::process::Command;
use std::time::Duration;

use super::control::{Control, number};
use super::machine;
use super::process::Running;

/// A running sandbox in load mode.
pub(crate) struct Sandbox {
    running: Running,
    control: Control,
    url: String,
}

/// What it has served so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    /// All calls.
    pub(crate) calls: u64,
    /// Calls for measurements: one per poll.
    pub(crate) polls: u64,
    /// Its processor time.
    pub(crate) cpu: Duration,
}

impl Sandbox {
    /// Starts a sandbox without limits, where each poll finds `fresh` new records.
    pub(crate) async fn start(fresh: u32) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_syncwell"));
        command.args(["sandbox", "--listen", "127.0.0.1:0", "--accounts", "0", "--unlimited"]);
        command.args(["--fresh", &fresh.to_string()]);
        let mut running = Running::start("the sandbox", &mut command)?;
        let url = running.word_after("partners at ", Duration::from_secs(10)).await?;
        let control = Control::new(url.clone(), None)?;
        Ok(Self { running, control, url })
    }

    /// The URL of its Withings.
    pub(crate) fn withings(&self) -> String {
        format!("{}/withings", self.url)
    }

    /// What it has served so far.
    pub(crate) async fn served(&self) -> anyhow::Result<Served> {
        let counts = self.control.get("/control/withings/counts").await?;
        Ok(Served {
            calls: number(&counts, "/calls")?,
            polls: number(&counts, "/by_path/~1measure").unwrap_or_default(),
            cpu: machine::cpu_time(self.running.id())?,
        })
    }
}
