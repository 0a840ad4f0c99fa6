//! Reading the settings again while the daemon runs. What is wrong with them changes nothing.

use std::path::PathBuf;

use tokio::sync::mpsc;

use super::preflight;
use crate::partners::catalog;
use crate::service_manager::notices;
use crate::settings::{Changes, Settings};

/// Reads these files and the environment at each signal.
pub(super) async fn on_signal(
    mut reloads: mpsc::Receiver<()>,
    files: Vec<PathBuf>,
    take_over: impl Fn(&Settings) -> Result<Changes, String>,
) {
    while reloads.recv().await.is_some() {
        notices::reloading();
        let loaded = Settings::read(&files);
        let mistakes = preflight::settings(&loaded, &catalog());
        if mistakes.is_empty() {
            match take_over(&loaded.settings) {
                Ok(changes) => report(&changes),
                Err(error) => tracing::error!(error, "the settings are not reloaded"),
            }
        }
        for mistake in mistakes {
            tracing::error!(%mistake, "the settings are not reloaded");
        }
        notices::ready();
    }
}

fn report(changes: &Changes) {
    let [taken_over, need_restart] =
        [&changes.taken_over, &changes.need_restart].map(|names| names.join(", "));
    tracing::info!(taken_over, need_restart, "the settings are reloaded");
    if !changes.need_restart.is_empty() {
        tracing::warn!(need_restart, "these settings are in force only after a restart");
    }
}
