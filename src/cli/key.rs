//! `syncwell key`

use anyhow::bail;
use partner_sdk::secrecy::ExposeSecret;

use super::KeyCommand;
use crate::application::open_store;
use crate::clock::{Clock, SystemClock};
use crate::keys;
use crate::settings::Settings;

pub(super) async fn run(settings: &Settings, command: KeyCommand) -> anyhow::Result<()> {
    let store = open_store(settings).await?;
    let now = SystemClock::new().now();
    match command {
        KeyCommand::Create { scope, label } => {
            let key = keys::generate(scope.into(), label);
            let text = key.key.clone();
            store.add_key(key, now).await?;
            // The key alone, so that it can be piped.
            println!("{}", text.expose_secret());
        }
        KeyCommand::List => {
            for key in store.keys().await? {
                let state = key.revoked_at.map_or("in force".to_owned(), |at| {
                    format!("revoked {}", at.format("%Y-%m-%d %H:%M"))
                });
                let made = key.created_at.format("%Y-%m-%d %H:%M");
                println!(
                    "{}  {:<5}  made {made}  {state}  {}",
                    key.id,
                    key.scope.name(),
                    key.label
                );
            }
        }
        KeyCommand::Revoke { id } => {
            if !store.revoke_key(id.clone(), now).await? {
                bail!("there is no key {id} in force; `syncwell key list` shows the keys");
            }
            println!("revoked {id}");
        }
    }
    Ok(())
}
