//! `syncwell partner`

use partner_sdk::Kind;

use super::out::say;
use crate::partners::catalog;
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
    }
    Ok(())
}
