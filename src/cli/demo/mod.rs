//! `syncwell demo`: the real daemon against simulated partners, with nothing to set up.
//!
//! Only the users are special to the demo: the daemon is the one that `serve` runs, and users
//! connect through the usual redirects.

mod host_app;
mod progress;
mod two_way;

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use partner_sandbox::Sandbox;
use partner_sdk::secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use self::host_app::HostApp;
use self::progress::Progress;
use super::stop;
use crate::application::Application;
use crate::clock::{Clock, SystemClock};
use crate::keys;
use crate::partners::catalog;
use crate::settings::{Secret, Settings};
use crate::store::KeyScope;
use crate::telemetry;

/// The users of the demo. Invented names.
const PEOPLE: [&str; 24] = [
    "ann", "ben", "cleo", "dora", "emil", "fay", "gus", "hana", "ivo", "june", "kai", "lea",
    "milo", "nell", "otto", "pia", "quin", "rosa", "sven", "tess", "uma", "vito", "wren", "yara",
];

const PARTNERS: [&str; 2] = ["withings", "runkeeper"];

/// The first round must end within this time; rate limits delay some of it.
const FIRST_ROUND: Duration = Duration::from_secs(240);

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Do the first full round, report what happened, and exit.
    #[arg(long)]
    once: bool,
}

pub(super) async fn run(options: Options) -> anyhow::Result<()> {
    let stop = stop::on_signal()?;
    let folder = tempfile::tempdir()?;
    let mut sandbox = Sandbox::start(partner_sandbox::Options {
        growth: (!options.once).then_some(Duration::from_millis(1500)),
        ..partner_sandbox::Options::default()
    })?;
    let settings = settings(&sandbox, folder.path())?;
    telemetry::start(&settings.log).map_err(anyhow::Error::msg)?;
    let application = Application::build(&settings, &catalog()).await?;
    let address = format!("http://{}", application.address());
    let key = keys::generate(KeyScope::Admin, "demo".into());
    let key_text = key.key.expose_secret().to_owned();
    application.store().add_key(key, SystemClock::new().now()).await?;
    let host_app = HostApp::new(address.clone(), key_text.clone())?;

    println!("Syncwell at {address}, simulated Withings and RunKeeper at {}", sandbox.url());
    let daemon_stop = CancellationToken::new();
    let daemon = actix_rt::spawn(application.run_until(daemon_stop.clone()));
    let shown = tokio::select! {
        shown = show(&host_app, &sandbox, &options, &address, &key_text) => shown,
        () = stop.cancelled() => {
            println!("\nStopping.");
            Ok(())
        }
    };
    daemon_stop.cancel();
    daemon.await??;
    sandbox.stop();
    shown
}

/// The settings of a real installation, except for the URLs and the shorter intervals.
fn settings(sandbox: &Sandbox, folder: &std::path::Path) -> anyhow::Result<Settings> {
    let mut settings = Settings::from_layers(&[], [])?;
    settings.installed_partners = PARTNERS.map(str::to_owned).to_vec();
    settings.server.listen = "127.0.0.1:0".into();
    settings.server.public_url = "http://127.0.0.1:0".into();
    settings.database.url = format!("sqlite:{}", folder.join("demo.db").display());
    settings.scheduler.groups = [30, 60, 300].map(Duration::from_secs).to_vec();
    settings.log.filter = "warn".into();
    for name in PARTNERS {
        let urls = sandbox.urls(name);
        let partner = settings.partners.entry(name.to_owned()).or_default();
        partner.client_id = Some(sandbox.client_id(name).to_owned());
        partner.client_secret = Some(Secret::new(sandbox.client_secret(name)));
        partner.authorize_url = Some(urls.authorize_url);
        partner.token_url = Some(urls.token_url);
        partner.api_url = Some(urls.api_url);
        partner.revoke_url = urls.revoke_url;
    }
    Ok(settings)
}

async fn show(
    host_app: &HostApp,
    sandbox: &Sandbox,
    options: &Options,
    address: &str,
    key: &str,
) -> anyhow::Result<()> {
    let began = Instant::now();
    println!(
        "\n{} people connect both, through the redirects a browser would follow:",
        PEOPLE.len()
    );
    for person in PEOPLE {
        for partner in PARTNERS {
            let connected = host_app.connect(person, partner).await;
            connected.with_context(|| format!("{person} could not connect {partner}"))?;
        }
        println!("  {person} connected Withings and RunKeeper");
    }
    println!("\nTheir data is being read:");
    let progress = first_round(host_app, began).await?;
    summary(&progress, sandbox, began);
    two_way::show(host_app).await?;
    if options.once {
        return Ok(());
    }
    println!(
        "\nNew data keeps coming; everyone is polled every 30 seconds here, every 5 minutes by default."
    );
    println!("Look at it with:");
    println!("  curl -H 'Authorization: Bearer {key}' {address}/v1/users/ann/records");
    println!("  curl -H 'Authorization: Bearer {key}' {address}/v1/users/ann/syncs");
    println!("  curl -H 'Authorization: Bearer {key}' {address}/admin/api/actors");
    println!("  {address}/openapi.json lists every call. Ctrl-C ends the demo.\n");
    keep_going(host_app, progress).await
}

/// Waits until every connection has been polled.
async fn first_round(host_app: &HostApp, began: Instant) -> anyhow::Result<Progress> {
    let mut progress = Progress::default();
    loop {
        progress.follow(host_app).await?;
        let mut polled = 0;
        for person in PEOPLE {
            polled += host_app.polled_connections(person).await?;
        }
        let wanted = PEOPLE.len() * PARTNERS.len();
        println!("  {polled} of {wanted} connections read, {} records stored", progress.records());
        if polled == wanted {
            return Ok(progress);
        }
        if began.elapsed() > FIRST_ROUND {
            bail!("the first round did not end within {} s", FIRST_ROUND.as_secs());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn summary(progress: &Progress, sandbox: &Sandbox, began: Instant) {
    println!(
        "\nAfter {:.1} s: {} people, {} connections",
        began.elapsed().as_secs_f32(),
        PEOPLE.len(),
        PEOPLE.len() * PARTNERS.len()
    );
    for (what, count) in progress.by_kind() {
        println!("  {count:>6} {what}");
    }
    for partner in PARTNERS {
        if let Ok(counts) = sandbox.control().counts(partner) {
            println!(
                "  {partner} counted {} calls, {} in its busiest {} s, and refused {}",
                counts.calls,
                counts.busiest_window.calls,
                counts.busiest_window.seconds,
                counts.rejected
            );
        }
    }
}

async fn keep_going(host_app: &HostApp, mut progress: Progress) -> anyhow::Result<()> {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        for line in progress.follow(host_app).await? {
            println!("  {line}");
        }
        let (syncs, failed) = host_app.syncs().await?;
        println!("  {syncs} syncs done, {failed} failed, {} records", progress.records());
    }
}
