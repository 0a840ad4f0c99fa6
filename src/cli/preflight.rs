//! What `serve` would end with, found before it begins. `check` reports the same.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;

use partner_sdk::Partner;

use super::out::minute;
use crate::application::open_store;
use crate::clock::{Clock, SystemClock};
use crate::installed::{install, no_such_partner};
use crate::key_file::{self, is_writable};
use crate::settings::{Loaded, LogFormat, Mistake, Settings};
use crate::store::{
    ApiKey, StoreError, applied_migrations, database_exists, database_file, folder_of,
    known_migrations, shown_address,
};
use crate::telemetry;

/// The mistakes in the settings alone.
pub(super) fn settings(loaded: &Loaded, catalog: &[Arc<dyn Partner>]) -> Vec<Mistake> {
    let settings = &loaded.settings;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let mut found = loaded.mistakes.clone();
    found.extend(install(settings, catalog, &clock).err().map(|wrong| wrong.0).unwrap_or_default());
    if let Err(error) = telemetry::filter(&settings.log.filter) {
        let text = format!(
            "log.filter = \"{}\": {error}; write e.g. \"info\" or \"syncwell=debug,info\"",
            settings.log.filter
        );
        found.push(settings.mistake("log.filter", text));
    }
    if settings.log.format == LogFormat::Journald
        && let Err(text) = telemetry::journald::check()
    {
        found.push(settings.mistake("log.format", text));
    }
    // A key that is wrong in itself leaves its default, which may be wrong in other ways.
    let mut seen = std::collections::HashSet::new();
    found.retain(|mistake| seen.insert(mistake.to_string()));
    found
}

/// Sections of partners that are not installed or do not exist.
pub(super) fn unused(settings: &Settings, catalog: &[Arc<dyn Partner>]) -> Vec<String> {
    let mut hints = Vec::new();
    for name in settings.partners.keys() {
        if settings.installed_partners.contains(name) {
            continue;
        }
        let section = format!("partners.{name}.");
        let origin = settings.origins.iter().find(|(key, _)| key.starts_with(&section));
        let origin = origin.map(|(_, origin)| format!("{origin}: ")).unwrap_or_default();
        let known = catalog.iter().any(|partner| partner.manifest().name == name);
        hints.push(if known {
            format!("{origin}[partners.{name}] is set, but installed_partners does not name {name}")
        } else {
            format!("{origin}[partners.{name}]: {}", no_such_partner(name, catalog))
        });
    }
    hints
}

/// Installed partners that have ended.
pub(super) fn ended(settings: &Settings, catalog: &[Arc<dyn Partner>]) -> Vec<String> {
    let mut hints = Vec::new();
    for manifest in catalog.iter().map(|partner| partner.manifest()) {
        let is_moved = settings.partner(manifest.name).api_url.is_some();
        let installed = settings.installed_partners.iter().any(|name| name == manifest.name);
        if let Some(reason) = manifest.ended.filter(|_| installed && !is_moved) {
            hints.push(format!(
                "{} has ended, nobody can connect: {reason}; remove it from installed_partners",
                manifest.name
            ));
        }
    }
    hints
}

/// Keys that expire soon, and those that have expired and nobody has revoked.
pub(super) async fn keys(settings: &Settings) -> Vec<String> {
    let url = settings.database.url.clone();
    // Opening the store would make a key.
    if !key_file::exists(settings).unwrap_or_default() {
        return Vec::new();
    }
    let is_current = tokio::task::spawn_blocking(move || {
        let applied = database_exists(&url).and_then(|there| match there {
            true => applied_migrations(&url),
            false => Ok(Vec::new()),
        });
        applied.is_ok_and(|applied| applied == known_migrations())
    });
    // Opening the store would change an older database.
    if !is_current.await.unwrap_or_default() {
        return Vec::new();
    }
    let Ok(store) = open_store(settings).await else { return Vec::new() };
    let (keys, now) = (store.keys().await.unwrap_or_default(), SystemClock::new().now());
    let hint = |key: &ApiKey| {
        let at = key.expires_at.filter(|_| key.revoked_at.is_none())?;
        let (id, scope, at_words) = (&key.id, key.scope.name(), minute(at));
        let label = if key.label.is_empty() { String::new() } else { format!(" ({})", key.label) };
        let mend = format!("make another with `syncwell key create --scope {scope}`");
        if at <= now {
            Some(format!(
                "{id}{label} expired on {at_words} UTC and is refused; {mend}, or revoke it"
            ))
        } else {
            key.expires_soon(now).then(|| format!("{id}{label} expires on {at_words} UTC; {mend}"))
        }
    };
    keys.iter().filter_map(hint).collect()
}

/// Why the daemon cannot listen, with the address if it is taken.
pub(super) fn listening(settings: &Settings) -> Result<(), (Mistake, Option<SocketAddr>)> {
    let listen = &settings.server.listen;
    // What is no address is a mistake in the settings alone.
    let Ok(mut addresses) = listen.to_socket_addrs() else { return Ok(()) };
    let Err(error) = TcpListener::bind(listen) else { return Ok(()) };
    let (why, taken) = match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            ("is the daemon running already? Stop what listens there, or set another port", true)
        }
        std::io::ErrorKind::AddrNotAvailable => (
            "this machine does not have that address; use one of its own, or 0.0.0.0 for all",
            false,
        ),
        std::io::ErrorKind::PermissionDenied => ("use a port from 1024 on", false),
        _ => ("set another address", false),
    };
    let text = format!("server.listen = \"{listen}\": cannot listen there: {error}; {why}");
    Err((settings.mistake("server.listen", text), addresses.next().filter(|_| taken)))
}

/// Why the database cannot be where the settings say.
pub(super) fn folder(settings: &Settings) -> Option<Mistake> {
    let address = &settings.database.url;
    let wrong = |text: String| settings.mistake("database.url", format!("database.url: {text}"));
    let file = match database_file(address) {
        Ok(file) => file?,
        Err(error) => return Some(wrong(error.to_string())),
    };
    let (folder, url) = (folder_of(&file), shown_address(address).unwrap_or_default());
    let unwritable = || {
        let mut paths = [folder, &file].into_iter();
        paths.find(|path| path.exists() && !is_writable(path))
    };
    if !folder.is_dir() {
        Some(wrong(format!("{url}: there is no folder {}; make it", folder.display())))
    } else if file.is_dir() {
        Some(wrong(format!("{url} is a folder; name a file in it")))
    } else {
        let path = unwritable()?;
        Some(wrong(format!("{url}: this user cannot write to {}", path.display())))
    }
}

/// The state of the database in words, or why it cannot be used. Blocks.
pub(super) fn database(settings: &Settings) -> Result<String, Mistake> {
    if let Some(mistake) = folder(settings) {
        return Err(mistake);
    }
    let address = &settings.database.url;
    let wrong = |text: String| settings.mistake("database.url", format!("database.url: {text}"));
    let failed = |error: StoreError| wrong(error.to_string());
    let url = shown_address(address).map_err(failed)?;
    if !database_exists(address).map_err(failed)? {
        return Ok(format!("{url} is not there yet; it is made at the first start"));
    }
    let applied = applied_migrations(address).map_err(failed)?;
    let known = known_migrations();
    if let Some(newer) = applied.iter().find(|name| !known.contains(name)) {
        return Err(wrong(format!(
            "{url} has the migration {newer} of a newer version of syncwell; start that version"
        )));
    }
    match known.iter().filter(|name| !applied.contains(name)).count() {
        0 => Ok(format!("{url} is up to date")),
        pending => {
            Ok(format!("{url} has {pending} migrations ahead, which `serve` and `migrate` apply"))
        }
    }
}

/// The state of the vault's key in words, or why it cannot be used. Blocks.
pub(super) fn key(settings: &Settings, has_database: bool) -> Result<String, Mistake> {
    key_file::check(settings, has_database)
        .map_err(|error| settings.mistake("vault.key_file", format!("vault.key_file: {error:#}")))
}
