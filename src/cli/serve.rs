//! `syncwell serve`

use super::{no_dumps, stop};
use crate::application::Application;
use crate::partners::catalog;
use crate::settings::Settings;
use crate::telemetry;

pub(super) async fn run(settings: Settings) -> anyhow::Result<()> {
    telemetry::start(&settings.log).map_err(anyhow::Error::msg)?;
    if let Err(error) = no_dumps::forbid() {
        tracing::warn!(%error, "a core dump of this process would hold its secrets");
    }
    let stop = stop::on_signal()?;
    let catalog = catalog();
    let application = tokio::select! {
        built = Application::build(&settings, &catalog) => built?,
        // The start may be waiting for the database.
        () = stop.cancelled() => return Ok(()),
    };
    tracing::info!(
        address = %application.address(),
        public_url = settings.server.public_url,
        partners = settings.installed_partners.join(","),
        "syncwell is listening"
    );
    if settings.installed_partners.is_empty() {
        tracing::warn!(
            "no partner is installed; set installed_partners (SYNCWELL__INSTALLED_PARTNERS)"
        );
    }
    application.run_until(stop).await
}
