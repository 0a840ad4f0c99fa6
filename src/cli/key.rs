//! `syncwell key`

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use chrono::{DateTime, Utc};
use partner_sdk::secrecy::ExposeSecret;

use super::out::{self, minute, say};
use super::{Files, KeyCommand, audit};
use crate::application::{open_store, report_waiting};
use crate::clock::{Clock, SystemClock};
use crate::keys;
use crate::settings::Settings;
use crate::store::{
    ApiKey, NewKey, Store, applied_migrations, await_database, database_exists, shown_address,
};

/// The bounds of a key's lifetime.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3_653 * 86_400);

pub(super) async fn run(command: KeyCommand) -> anyhow::Result<()> {
    let now = SystemClock::new().now();
    match command {
        KeyCommand::Create { files, scope, label, expires } => {
            let (store, database) = open(files).await?;
            let expires_at = expires.map(|after| now + after);
            let key = NewKey { expires_at, ..keys::generate(scope.into(), label) };
            let text = key.key.clone();
            let id = key.id.clone();
            store.add_key(key, now).await?;
            audit::note(&store, "key.created", &id).await?;
            let until = expires_at.map(|at| format!(" and is refused from {} UTC on", minute(at)));
            let until = until.unwrap_or_default();
            out::note(format_args!("made a key in {database}; it is shown only now{until}"));
            // The key alone, so that it can be piped.
            say!("{}", text.expose_secret())?;
        }
        KeyCommand::List(files) => {
            let (store, database) = open(files).await?;
            let keys = store.keys().await?;
            if keys.is_empty() {
                out::note(format_args!(
                    "no keys in {database}; make one with `syncwell key create --scope app`"
                ));
            }
            for key in keys {
                let (state, scope) = (state_of(&key, now), key.scope.name());
                let made = minute(key.created_at);
                let used = key.last_used_at.map_or_else(|| "never".to_owned(), minute);
                say!(
                    "{}  {scope:<10}  made {made}  used {used:<16}  {state}  {}",
                    key.id,
                    key.label
                )?;
            }
        }
        KeyCommand::Revoke { files, id } => {
            let (store, database) = open(files).await?;
            if !store.revoke_key(id.clone(), now).await? {
                bail!(
                    "there is no key {id} in force in {database}; `syncwell key list` shows the keys"
                );
            }
            audit::note(&store, "key.revoked", &id).await?;
            say!("revoked {id}")?;
        }
    }
    Ok(())
}

/// Whether a key is in force, and for how long.
fn state_of(key: &ApiKey, now: DateTime<Utc>) -> String {
    match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {}", minute(at)),
        (None, Some(at)) if at <= now => format!("EXPIRED {}", minute(at)),
        (None, Some(at)) => format!("in force until {}", minute(at)),
        (None, None) => "in force".to_owned(),
    }
}

/// Reads how long a key is good.
pub(super) fn lifetime(text: &str) -> Result<Duration, String> {
    let read = humantime::parse_duration(text).ok();
    let fits = |it: &Duration| (SHORTEST..=LONGEST).contains(it);
    read.filter(fits).ok_or_else(|| "write e.g. 90d or 12h: 1 minute to 10 years".to_owned())
}

/// Opens the database that is there. Never makes one: a key in a database that was made in the
/// wrong folder is one that no daemon knows.
pub(super) async fn open(Files { files }: Files) -> anyhow::Result<(Store, String)> {
    let settings = Settings::load(&files)?;
    await_database(&settings.database, report_waiting).await?;
    let url = settings.database.url.clone();
    let is_there = move || {
        Ok::<_, anyhow::Error>(database_exists(&url)? && !applied_migrations(&url)?.is_empty())
    };
    let database = shown_address(&settings.database.url)?;
    if !tokio::task::spawn_blocking(is_there).await?? {
        let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        bail!(
            "there is no database {database} yet (this folder is {}); if that is the right one, make \
             it with `syncwell serve` or `syncwell migrate`, else name the settings with --config",
            folder.display()
        );
    }
    Ok((open_store(&settings).await?, database))
}
