//! `syncwell check`: reports what is wrong and what fixes it. Changes nothing.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::bail;
use serde_json::Value;

use super::out::say;
use super::{preflight, readable};
use crate::application::report_waiting;
use crate::partners::catalog;
use crate::settings::{Loaded, Mistake, Settings};
use crate::store::await_database;

/// How long what listens on our address may take to say what it is.
const LONGEST_ANSWER: Duration = Duration::from_secs(2);

pub(super) async fn run(loaded: Loaded, has_socket: bool) -> anyhow::Result<()> {
    let settings = loaded.settings.clone();
    // If the database is not up by then, the checks below report it.
    await_database(&settings.database, report_waiting).await.unwrap_or_default();
    let catalog = catalog();
    let mut wrong = preflight::settings(&loaded, &catalog);
    // The file that cannot be read may name them.
    let may_be_set = |mistake: &Mistake| ["", "installed_partners"].contains(&&*mistake.key);
    if settings.installed_partners.is_empty() && !wrong.iter().any(may_be_set) {
        let text = "installed_partners: none is installed; set it, or SYNCWELL__INSTALLED_PARTNERS";
        wrong.push(settings.mistake("installed_partners", text));
    }
    let server = server(&settings, has_socket, &mut wrong).await;
    let owned = settings.clone();
    let stored = tokio::task::spawn_blocking(move || {
        let database = preflight::database(&owned);
        let key = preflight::key(&owned, database.is_ok());
        (database, key)
    });
    let (database, key) = stored.await?;
    let mut note_error = |result: Result<String, Mistake>| {
        result.map_err(|mistake| wrong.push(mistake)).unwrap_or_default()
    };
    let (database, key) = (note_error(database), note_error(key));
    let good = [
        ("settings", "readable, no unknown keys".to_owned()),
        ("server", server),
        ("database", database),
        ("vault", key),
        ("partners", settings.installed_partners.join(", ")),
    ];
    let titled = |section: &str| if section == "vault" { "key" } else { section }.to_owned();
    for (section, text) in good {
        if !wrong.iter().any(|mistake| section_of(mistake) == section) {
            say!("ok     {}: {text}", titled(section))?;
        }
    }
    for mistake in &wrong {
        say!("WRONG  {}: {mistake}", titled(section_of(mistake)))?;
    }
    let hints = preflight::unused(&settings, &catalog);
    for hint in hints.iter().chain(&preflight::ended(&settings, &catalog)) {
        say!("note   partners: {hint}")?;
    }
    for hint in readable::by_others(&settings) {
        say!("note   secrets: {hint}")?;
    }
    if !wrong.iter().any(|mistake| ["database", "vault"].contains(&section_of(mistake))) {
        for hint in preflight::keys(&settings).await {
            say!("note   keys: {hint}")?;
        }
    }
    match wrong.len() {
        0 => Ok(()),
        1 => bail!("one thing is wrong"),
        count => bail!("{count} things are wrong"),
    }
}

fn section_of(mistake: &Mistake) -> &str {
    match mistake.section() {
        "" => "settings",
        section => section,
    }
}

/// Where the daemon listens, in words.
async fn server(settings: &Settings, has_socket: bool, wrong: &mut Vec<Mistake>) -> String {
    let listen = &settings.server.listen;
    let mut text = format!("listens on {listen}, is reached at {}", settings.server.public_url);
    if let Err((mistake, taken)) = preflight::listening(settings) {
        match taken {
            Some(_) if has_socket => {
                text.push_str("; the address is taken, as it must be if syncwell.socket has it")
            }
            Some(address) if is_syncwell(address).await => {
                text.push_str("; a daemon answers there now: stop it before you start another")
            }
            _ => wrong.push(mistake),
        }
    }
    text
}

/// Whether a daemon of ours listens there.
async fn is_syncwell(mut address: SocketAddr) -> bool {
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let ask = async {
        let client = partner_sdk::http_client().ok()?;
        let answer = client.get(format!("http://{address}/healthz")).send().await.ok()?;
        serde_json::from_slice::<Value>(&answer.bytes().await.ok()?).ok()
    };
    let health = tokio::time::timeout(LONGEST_ANSWER, ask).await.ok().flatten();
    health.is_some_and(|health| health.get("waiting_for").is_some())
}
