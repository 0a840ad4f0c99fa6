//! `syncwell key`

use std::path::PathBuf;

use anyhow::bail;
use partner_sdk::secrecy::ExposeSecret;

use super::out::{self, say};
use super::{Files, KeyCommand};
use crate::application::{open_store, report_waiting};
use crate::clock::{Clock, SystemClock};
use crate::keys;
use crate::settings::Settings;
use crate::store::{Store, applied_migrations, await_database, database_exists, shown_address};

pub(super) async fn run(command: KeyCommand) -> anyhow::Result<()> {
    let now = SystemClock::new().now();
    match command {
        KeyCommand::Create { files, scope, label } => {
            let (store, database) = open(files).await?;
            let key = keys::generate(scope.into(), label);
            let text = key.key.clone();
            store.add_key(key, now).await?;
            out::note(format_args!("made a key in {database}; it is shown only now"));
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
                let state = key.revoked_at.map_or("in force".to_owned(), |at| {
                    format!("revoked {}", at.format("%Y-%m-%d %H:%M"))
                });
                let made = key.created_at.format("%Y-%m-%d %H:%M");
                let scope = key.scope.name();
                say!("{}  {scope:<5}  made {made}  {state}  {}", key.id, key.label)?;
            }
        }
        KeyCommand::Revoke { files, id } => {
            let (store, database) = open(files).await?;
            if !store.revoke_key(id.clone(), now).await? {
                bail!(
                    "there is no key {id} in force in {database}; `syncwell key list` shows the keys"
                );
            }
            say!("revoked {id}")?;
        }
    }
    Ok(())
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
