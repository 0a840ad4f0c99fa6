//! `syncwell migrate`

use crate::application::{open_store, report_waiting};
use crate::settings::Settings;
use crate::store::{applied_migrations, await_database, database_exists, known_migrations};

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
    let done = if dry_run { "would apply" } else { "applied" };
    match pending.is_empty() {
        true => println!("the database is up to date"),
        false => println!("{done}: {}", pending.join(", ")),
    }
    Ok(())
}
