//! `syncwell demo`: the real daemon against simulated partners, with nothing to set up.
//!
//! Only the users are special to the demo: the daemon is the one that `serve` runs, and users
//! connect through the usual redirects.

mod figures;
mod host_app;
mod progress;
mod scale;
mod screen;
mod two_way;

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use partner_sandbox::Sandbox;
use partner_sdk::secrecy::ExposeSecret;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::figures::thousands;
use self::host_app::HostApp;
use self::progress::Progress;
use self::screen::{Screen, Style};
use self::two_way::Story;
use super::stop;
use crate::application::Application;
use crate::clock::{Clock, SystemClock};
use crate::keys;
use crate::partners::catalog;
use crate::settings::{Secret, Settings};
use crate::store::KeyScope;
use crate::telemetry;

/// The users of the demo. Invented names. With more, their first reading and their subscriptions would
/// take more calls than Withings allows in a minute.
const PEOPLE: [&str; 12] =
    ["ann", "ben", "cleo", "dora", "emil", "fay", "gus", "hana", "ivo", "june", "kai", "lea"];

const PARTNERS: [&str; 2] = ["withings", "runkeeper"];

/// After this time something new happens at the partners, again and again.
const GROWTH: Duration = Duration::from_secs(3);

/// How often the change feed is read.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// The first round must end within this time; rate limits delay some of it.
const FIRST_ROUND: Duration = Duration::from_secs(240);

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Do the first full round, report what happened, and exit.
    #[arg(long)]
    once: bool,
    /// Print one JSON object a line for each event.
    #[arg(long)]
    json: bool,
}

/// What the demo plays with.
struct Stage<'a> {
    host_app: &'a HostApp,
    sandbox: &'a Sandbox,
    address: &'a str,
    key: &'a str,
    once: bool,
}

pub(super) async fn run(options: Options) -> anyhow::Result<()> {
    let stop = stop::on_signal()?;
    let folder = tempfile::tempdir()?;
    let mut sandbox = Sandbox::start(partner_sandbox::Options {
        growth: (!options.once).then_some(GROWTH),
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

    let daemon_stop = CancellationToken::new();
    let daemon = actix_rt::spawn(application.run_until(daemon_stop.clone()));
    let mut screen = Screen::new(options.json);
    let stage = Stage {
        host_app: &host_app,
        sandbox: &sandbox,
        address: &address,
        key: &key_text,
        once: options.once,
    };
    let shown = tokio::select! {
        shown = show(&stage, &mut screen) => shown,
        () = stop.cancelled() => Ok(()),
    };
    screen.end();
    daemon_stop.cancel();
    daemon.await??;
    sandbox.stop();
    shown
}

/// The settings of a real installation, except for the URLs and the shorter intervals.
fn settings(sandbox: &Sandbox, folder: &std::path::Path) -> anyhow::Result<Settings> {
    let installed_partners = PARTNERS.map(str::to_owned).to_vec();
    let mut settings = Settings { installed_partners, ..Settings::default() };
    settings.server.listen = "127.0.0.1:0".into();
    settings.server.public_url = "http://127.0.0.1:0".into();
    settings.database.url = format!("sqlite:{}", folder.join("demo.db").display());
    // As short as the limits allow, and spread, so that something is polled all the time.
    settings.scheduler.groups = [60, 120, 300].map(Duration::from_secs).to_vec();
    settings.scheduler.jitter = 0.9;
    settings.log.filter = "warn".into();
    // The host app of the demo is on this machine.
    settings.events.allow_private_targets = true;
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

/// The name of a partner for people.
fn title(partner: &str) -> String {
    let catalog = catalog();
    let manifest = catalog.iter().map(|it| it.manifest()).find(|it| it.name == partner);
    manifest.map_or(partner, |manifest| manifest.title).to_owned()
}

async fn show(stage: &Stage<'_>, screen: &mut Screen) -> anyhow::Result<()> {
    let began = Instant::now();
    let version = env!("CARGO_PKG_VERSION");
    let partners = PARTNERS.map(title).join(" and ");
    let name = screen.paint(Style::Strong, &format!("Syncwell {version}"));
    screen.say(&format!("{name} at {}", stage.address))?;
    screen.say(&format!("Simulated {partners} at {}\n", stage.sandbox.url()))?;
    screen.event(&json!({
        "event": "started",
        "version": version,
        "address": stage.address,
        "partners_at": stage.sandbox.url(),
    }))?;
    connect(stage, screen, began).await?;
    let mut progress = first_round(stage, screen, began).await?;
    figures::show(screen, progress.counted(), stage.sandbox)?;
    Story::new(stage.host_app, stage.sandbox, screen)?.run().await?;
    scale::step_on(stage.host_app, stage.sandbox, screen).await?;
    if stage.once {
        return Ok(());
    }
    progress.follow(stage.host_app).await?;
    invite(stage, screen)?;
    keep_going(stage, screen, progress).await
}

/// Has everybody connect both partners, through the redirects a browser would follow.
async fn connect(stage: &Stage<'_>, screen: &mut Screen, began: Instant) -> anyhow::Result<()> {
    let all = PEOPLE.len();
    for (number, person) in PEOPLE.iter().enumerate() {
        screen.redraw(&screen.bar(
            "connect",
            number,
            all,
            &format!("{number} of {all} people: {person}"),
        ))?;
        for partner in PARTNERS {
            let connected = stage.host_app.connect(person, partner).await;
            connected.with_context(|| format!("{person} could not connect {partner}"))?;
        }
    }
    let seconds = began.elapsed().as_secs_f32();
    let text = format!("{all} of {all} people connected, {seconds:.1} s");
    screen.say(&screen.bar("connect", all, all, &text))?;
    screen.event(&json!({
        "event": "connected",
        "people": all,
        "connections": all * PARTNERS.len(),
        "seconds": began.elapsed().as_secs_f64(),
    }))
}

/// Waits until every connection has been polled.
async fn first_round(
    stage: &Stage<'_>,
    screen: &mut Screen,
    began: Instant,
) -> anyhow::Result<Progress> {
    let mut progress = Progress::default();
    let wanted = PEOPLE.len() * PARTNERS.len();
    loop {
        progress.follow(stage.host_app).await?;
        let mut polled = 0;
        for person in PEOPLE {
            polled += stage.host_app.polled_connections(person).await?;
        }
        let records = thousands(progress.records());
        let seconds = began.elapsed().as_secs_f32();
        let text = format!("{polled} of {wanted} connections, {records} records, {seconds:.1} s");
        let line = screen.bar("read", polled, wanted, &text);
        if polled == wanted {
            screen.say(&line)?;
            screen.event(&json!({
                "event": "read",
                "connections": polled,
                "records": progress.records(),
                "seconds": began.elapsed().as_secs_f64(),
            }))?;
            return Ok(progress);
        }
        screen.redraw(&line)?;
        if began.elapsed() > FIRST_ROUND {
            bail!("the first round did not end within {} s", FIRST_ROUND.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What can be opened in a browser, with what it shows. A page of the daemon belongs here.
fn addresses(stage: &Stage<'_>) -> Vec<(&'static str, String)> {
    vec![
        ("the partners and what can be done to them", stage.sandbox.url()),
        ("every call of the daemon", format!("{}/openapi.json", stage.address)),
    ]
}

/// Shows how to look around.
fn invite(stage: &Stage<'_>, screen: &mut Screen) -> anyhow::Result<()> {
    screen.say("")?;
    screen.say(&screen.paint(Style::Strong, "Look around, it goes on until Ctrl-C"))?;
    screen.say(&format!("  S={}", stage.address))?;
    screen.say(&format!("  KEY={}", stage.key))?;
    for path in ["v1/users/ann/records", "v1/users/ann/syncs", "admin/api/actors"] {
        screen.say(&format!("  curl -sH \"Authorization: Bearer $KEY\" $S/{path}"))?;
    }
    let addresses = addresses(stage);
    for (what, url) in &addresses {
        screen.say(&format!("  {url:<36} {}", screen.paint(Style::Soft, what)))?;
    }
    screen.event(&json!({"event": "ready", "address": stage.address, "key": stage.key}))?;
    screen.say("")
}

/// Shows what arrives; quiet when nothing does.
async fn keep_going(
    stage: &Stage<'_>,
    screen: &mut Screen,
    mut progress: Progress,
) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let news = progress.follow(stage.host_app).await?;
        let elapsed = began.elapsed().as_secs();
        let time = format!("{:02}:{:02}", elapsed / 60, elapsed % 60);
        for line in &news.lines {
            screen.say(&format!("  {} {line}", screen.paint(Style::Soft, &time)))?;
        }
        if news.count > 0 {
            screen.event(&json!({
                "event": "changes",
                "count": news.count,
                "records": progress.records(),
                "seconds": elapsed,
            }))?;
        }
        if screen.is_live() {
            let (syncs, failed) = stage.host_app.syncs().await?;
            let failed = match failed {
                0 => "none failed".to_owned(),
                failed => screen.paint(Style::Bad, &format!("{failed} failed")),
            };
            let records = thousands(progress.records());
            let status = format!("  {time} {records} records, {syncs} syncs, {failed}");
            screen.redraw(&status)?;
        }
        tokio::time::sleep(LOOKS_EVERY).await;
    }
}
