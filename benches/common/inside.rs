//! The daemon inside this process, where its database statements can be counted.

use anyhow::{Context, ensure};
use syncwell::application::Application;
use syncwell::partners::catalog;
use syncwell::settings::Settings;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::control::Control;
use super::daemon::{environment, syncs};
use super::database::Database;

/// A running daemon. Needs an actix system.
pub(crate) struct Inside {
    admin: Control,
    stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Inside {
    /// Starts a daemon with the settings of [`environment`].
    pub(crate) async fn start(
        database: &Database,
        withings: &str,
        more: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let settings = Settings::from_layers(&[], environment(database, withings, more))?;
        let application = Application::build(&settings, &catalog()).await?;
        let address = format!("http://{}", application.address());
        let admin = Control::new(address, Some(database.admin_key().to_owned()))?;
        let stop = CancellationToken::new();
        let running = actix_rt::spawn(application.run_until(stop.clone()));
        Ok(Self { admin, stop, running })
    }

    /// Stops it gracefully; fails if a sync failed. Returns the number of successful syncs before.
    pub(crate) async fn end(self) -> anyhow::Result<u64> {
        let tree = self.admin.get("/admin/api/actors").await?;
        let (done, failed) = syncs(tree.pointer("/partners/0").context("no partner actor")?)?;
        self.stop.cancel();
        self.running.await??;
        ensure!(failed == 0, "{failed} syncs failed or were limited");
        Ok(done)
    }
}
