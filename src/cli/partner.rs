//! `syncwell partner`

use std::sync::Arc;

use partner_sdk::secrecy::ExposeSecret;
use partner_sdk::{Kind, Partner, Subscribing};

use super::out::say;
use crate::key_file;
use crate::partners::catalog;
use crate::reception;
use crate::settings::Settings;

/// Lists every partner: its name, whether it is installed, what it polls and pushes.
pub(super) fn list(settings: &Settings) -> anyhow::Result<()> {
    let names = |kinds: &[Kind]| match kinds {
        [] => "nothing".to_owned(),
        kinds => kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", "),
    };
    for partner in catalog() {
        let manifest = partner.manifest();
        let installed = settings.installed_partners.iter().any(|name| name == manifest.name);
        say!(
            "{} ({}){}",
            manifest.name,
            manifest.title,
            if installed { ", installed" } else { "" }
        )?;
        say!("  polls:  {}", names(&manifest.poll_kinds()))?;
        say!("  pushes: {}", names(&manifest.push_kinds()))?;
        if let Some(reason) = manifest.ended {
            say!("  ended:  {reason}")?;
        }
        if installed {
            notifications(settings, &partner)?;
        }
    }
    Ok(())
}

/// How the partner's notifications come. The address is a secret; whoever may read the settings and the
/// key may see it.
fn notifications(settings: &Settings, partner: &Arc<dyn Partner>) -> anyhow::Result<()> {
    let Some(notifier) = partner.notifier() else { return Ok(()) };
    let name = partner.manifest().name;
    if settings.partner(name).notifications == Some(false) {
        return Ok(say!("  notifications: off (partners.{name}.notifications)")?);
    }
    let Some(vault) = key_file::existing(settings)? else {
        return Ok(say!("  notifications: their address is known once there is a key (migrate)")?);
    };
    let address = reception::address(&settings.server.public_url, name, &vault);
    let how = match notifier.rules().subscribing {
        Subscribing::InConsole => "enter this address where your application is registered",
        _ => "subscribed to by the daemon; where the console asks for an address, enter this one",
    };
    say!("  notifications: {how}:")?;
    Ok(say!("    {}", address.expose_secret())?)
}
