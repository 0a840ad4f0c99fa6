//! `syncwell migrate`

use super::out::{self, say};
use crate::application::{open_store, report_waiting};
use crate::settings::Settings;
use crate::store::{
    applied_migrations, await_database, database_exists, known_migrations, shown_address,
};

pub(super) async fn run(settings: &Settings, dry_run: bool) -> anyhow::Result<()> {
    await_database(&settings.database, report_waiting).await?;
    let url = settings.database.url.clone();
    let applied = move || match database_exists(&url)? {
        true => applied_migrations(&url),
        false => Ok(Vec::new()),
    };
    let applied = tokio::task::spawn_blocking(applied).await??;
    let pending: Vec<_> =
        known_migrations().into_iter().filter(|name| !applied.contains(name)).collect();
    if !dry_run {
        open_store(settings).await?;
    }
    if !dry_run && applied.is_empty() {
        out::note(format_args!("made the tables in {}", shown_address(&settings.database.url)?));
    }
    let done = if dry_run { "would apply" } else { "applied" };
    match pending.is_empty() {
        true => say!("the database is up to date"),
        false => say!("{done}: {}", pending.join(", ")),
    }
}
