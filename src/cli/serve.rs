//! `syncwell serve`

use std::path::PathBuf;
use std::sync::Arc;

use partner_sdk::Partner;

use super::{descriptors, no_dumps, preflight, reload, stop};
use crate::application::Application;
use crate::partners::catalog;
use crate::service_manager::notices;
use crate::settings::{Loaded, Log, LogFormat, Mistakes, Settings, Traces};
use crate::store::shown_address;
use crate::telemetry;

pub(super) async fn run(files: &[PathBuf]) -> anyhow::Result<()> {
    // Before the settings are read: from then on there are secrets in memory.
    let forbidden = no_dumps::forbid();
    let loaded = Settings::read(files);
    start_log(&loaded.settings).map_err(anyhow::Error::msg)?;
    if let Err(error) = forbidden {
        tracing::warn!(%error, "a core dump of this process would hold its secrets");
    }
    let ended = serve(loaded, files).await;
    if ended.is_ok() {
        tracing::info!("stopped");
    }
    telemetry::end().await;
    ended
}

/// What cannot be used is reported with the other mistakes; they are logged, too.
fn start_log(settings: &Settings) -> Result<(), String> {
    let Log { mut filter, mut format } = settings.log.clone();
    if telemetry::filter(&filter).is_err() {
        filter = Log::default().filter;
    }
    if format == LogFormat::Journald && telemetry::journald::check().is_err() {
        format = LogFormat::Text;
    }
    let is_wrong = settings.problems().iter().any(|mistake| mistake.key.starts_with("traces."));
    let traces = if is_wrong { Traces::default() } else { settings.traces.clone() };
    telemetry::start(&Log { filter, format }, &traces)
}

async fn serve(loaded: Loaded, files: &[PathBuf]) -> anyhow::Result<()> {
    let catalog = catalog();
    let mistakes = preflight::settings(&loaded, &catalog);
    if !mistakes.is_empty() {
        return Err(Mistakes(mistakes).into());
    }
    let settings = loaded.settings;
    let shown: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        database = shown_address(&settings.database.url).unwrap_or_default(),
        settings = shown.join(","),
        "syncwell is starting"
    );
    if let Err(error) = descriptors::raise() {
        tracing::warn!(%error, "few streams can be open at the same time: see `ulimit -n`");
    }
    for hint in preflight::unused(&settings, &catalog) {
        tracing::warn!("{hint}");
    }
    let (stop, reloads) = stop::or_reload()?;
    let more_time = actix_rt::spawn(notices::ask_for_time());
    let application = tokio::select! {
        built = build(&settings, &catalog) => built?,
        // The start may be waiting for the database.
        () = stop.cancelled() => return Ok(()),
    };
    more_time.abort();
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
    let reloading =
        actix_rt::spawn(reload::on_signal(reloads, files.to_vec(), application.reloader()));
    let ended = application.run_until(stop).await;
    reloading.abort();
    ended
}

async fn build(settings: &Settings, catalog: &[Arc<dyn Partner>]) -> anyhow::Result<Application> {
    if let Some(mistake) = preflight::folder(settings) {
        return Err(Mistakes(vec![mistake]).into());
    }
    let built = Application::build(settings, catalog).await;
    // Not before: who listens there may be a daemon that this one replaces, and about to end.
    if built.as_ref().is_err_and(|error| error.root_cause().is::<std::io::Error>()) {
        preflight::listening(settings).map_err(|(mistake, _)| Mistakes(vec![mistake]))?;
    }
    built
}
