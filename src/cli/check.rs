//! `syncwell check`: reports what is wrong and what fixes it. Changes nothing.

use std::net::ToSocketAddrs;
use std::sync::Arc;

use anyhow::bail;

use crate::application::report_waiting;
use crate::clock::{Clock, SystemClock};
use crate::installed::install;
use crate::key_file;
use crate::partners::catalog;
use crate::settings::{Settings, checked_url};
use crate::store::{
    applied_migrations, await_database, database_exists, known_migrations, shown_address,
};

pub(super) async fn run(settings: &Settings) -> anyhow::Result<()> {
    // If the database is not up by then, the checks below report it.
    await_database(&settings.database, report_waiting).await.unwrap_or_default();
    let owned = settings.clone();
    let findings = tokio::task::spawn_blocking(move || findings(&owned)).await?;
    let mut wrong = 0;
    for (what, finding) in findings {
        match finding {
            Ok(text) => println!("ok     {what}: {text}"),
            Err(text) => {
                wrong += 1;
                println!("WRONG  {what}: {text}");
            }
        }
    }
    match wrong {
        0 => Ok(()),
        1 => bail!("one thing is wrong"),
        _ => bail!("{wrong} things are wrong"),
    }
}

type Finding = (&'static str, Result<String, String>);

fn findings(settings: &Settings) -> Vec<Finding> {
    let server = checked_url("server.public_url", &settings.server.public_url)
        .map(|url| format!("listens on {}, is reached at {url}", settings.server.listen));
    let listen = settings.server.listen.to_socket_addrs();
    let server = match listen {
        Ok(_) => server,
        Err(error) => Err(format!("server.listen = \"{}\": {error}", settings.server.listen)),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let partners = match install(settings, &catalog(), &clock) {
        Ok(specs) if specs.is_empty() => {
            Err("none is installed; set installed_partners (SYNCWELL__INSTALLED_PARTNERS)"
                .to_owned())
        }
        Ok(specs) => Ok(specs.iter().map(|spec| spec.name()).collect::<Vec<_>>().join(", ")),
        Err(error) => Err(error.to_string()),
    };
    vec![
        ("settings", Ok("readable, no unknown keys".to_owned())),
        ("server", server),
        ("database", database(settings)),
        ("key", key_file::check(settings).map_err(|error| format!("{error:#}"))),
        ("partners", partners),
    ]
}

fn database(settings: &Settings) -> Result<String, String> {
    let address = &settings.database.url;
    let url = shown_address(address).map_err(|error| error.to_string())?;
    if !database_exists(address).map_err(|error| error.to_string())? {
        return Ok(format!("{url} is not there yet; it is made at the first start"));
    }
    let applied = applied_migrations(address).map_err(|error| error.to_string())?;
    let known = known_migrations();
    if let Some(newer) = applied.iter().find(|name| !known.contains(name)) {
        return Err(format!(
            "{url} has the migration {newer} of a newer version of syncwell; start that version"
        ));
    }
    match known.iter().filter(|name| !applied.contains(name)).count() {
        0 => Ok(format!("{url} is up to date")),
        pending => {
            Ok(format!("{url} has {pending} migrations ahead, which `serve` and `migrate` apply"))
        }
    }
}
