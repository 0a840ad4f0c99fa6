//! `syncwell demo`: the real daemon against simulated partners, with nothing to set up.
//!
//! Only the users are special to the demo: the daemon is the one that `serve` runs, and users
//! connect through the usual redirects.

mod figures;
mod host_app;
mod page;
mod progress;
mod scale;
mod screen;
mod summary;
mod two_way;
mod words;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use partner_sandbox::Sandbox;
use partner_sdk::secrecy::ExposeSecret;
use reqwest::Method;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::figures::thousands;
use self::host_app::HostApp;
use self::page::Page;
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

/// After this time something new happens at the partners, again and again. More often, the first minute
/// would use up what Withings allows in one, and whoever steps on the scale would wait.
const GROWTH: Duration = Duration::from_secs(5);

/// How long a read of the change feed waits for something new, while it goes on.
const LOOKS_EVERY: &str = "1s";

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
    page: &'a Page,
    address: &'a str,
    key: &'a str,
    /// Where the key is, for whoever may read it.
    key_file: &'a Path,
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
    telemetry::start(&settings.log, &settings.traces).map_err(anyhow::Error::msg)?;
    let key = keys::generate(KeyScope::Admin, "demo".into());
    let key_text = key.key.expose_secret().to_owned();
    let key_file = folder.path().join("key");
    keep_key(&key_file, &key_text)?;
    let daemon_stop = CancellationToken::new();
    let page = Page::new(sandbox.control(), key.id.clone(), daemon_stop.clone());
    let application = Application::build_with(&settings, &catalog(), page.extra()).await?;
    let address = format!("http://{}", application.address());
    application.store().add_key(key, SystemClock::new().now()).await?;
    let host_app = HostApp::new(address.clone(), key_text.clone())?;
    page.open(host_app.clone());

    let daemon = actix_rt::spawn(application.run_until(daemon_stop.clone()));
    let mut screen = Screen::new(options.json);
    let stage = Stage {
        host_app: &host_app,
        sandbox: &sandbox,
        page: &page,
        address: &address,
        key: &key_text,
        key_file: &key_file,
        once: options.once,
    };
    let shown = tokio::select! {
        shown = show(&stage, &mut screen) => shown,
        // With `--once` nobody has time to look at the page.
        watched = page::watch::run(&page), if !options.once => watched,
        () = stop.cancelled() => Ok(()),
    };
    screen.end();
    daemon_stop.cancel();
    daemon.await??;
    sandbox.stop();
    shown
}

/// Keeps the key beside the database, for commands of the same user.
fn keep_key(file: &Path, key: &str) -> anyhow::Result<()> {
    let mut kept =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    Ok(kept.write_all(key.as_bytes())?)
}

/// The settings of a real installation, except for the URLs and the shorter intervals.
fn settings(sandbox: &Sandbox, folder: &Path) -> anyhow::Result<Settings> {
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
    stage.page.board.round(|round| round.connections = PEOPLE.len() * PARTNERS.len());
    if screen.is_live() && !stage.once {
        let page = screen.paint(Style::Link, &format!("{}/demo", stage.address));
        screen.say(&format!("Watch it in a browser: {page}\n"))?;
    }
    connect(stage, screen, began).await?;
    let mut progress = first_round(stage, screen, began).await?;
    let read_for = began.elapsed();
    figures::show(screen, progress.counted(), stage.sandbox)?;
    stage.page.board.round(|round| round.is_over = true);
    let stories = async {
        Story::new(stage.host_app, stage.sandbox, screen)?.run().await?;
        scale::step_on(stage.host_app, stage.sandbox, screen).await
    };
    tokio::select! {
        shown = stories => shown?,
        // The page goes on meanwhile.
        failed = keep_reading(stage, &mut progress), if !stage.once => return failed,
    }
    if stage.once {
        return summary::show(stage, screen, &progress, read_for).await;
    }
    push_weights(stage).await?;
    progress.follow(stage.host_app, "0s").await?;
    summary::show(stage, screen, &progress, read_for).await?;
    invite(stage, screen)?;
    keep_going(stage, screen, progress).await
}

/// Reads the change feed for the page. Ends only by a failure.
async fn keep_reading(stage: &Stage<'_>, progress: &mut Progress<'_>) -> anyhow::Result<()> {
    loop {
        progress.follow(stage.host_app, LOOKS_EVERY).await?;
    }
}

/// Has everybody's new weights written to RunKeeper.
async fn push_weights(stage: &Stage<'_>) -> anyhow::Result<()> {
    for person in PEOPLE {
        let connection = format!("/v1/users/{person}/connections/runkeeper");
        let push = json!({"push": {"weight": true}});
        stage.host_app.send(Method::PATCH, &connection, &push).await?;
    }
    stage.page.pushes_from_now();
    Ok(())
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
        stage.page.board.round(|round| round.people = number + 1);
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
async fn first_round<'a>(
    stage: &Stage<'a>,
    screen: &mut Screen,
    began: Instant,
) -> anyhow::Result<Progress<'a>> {
    let mut progress = Progress::new(&stage.page.board);
    let wanted = PEOPLE.len() * PARTNERS.len();
    loop {
        progress.follow(stage.host_app, "0s").await?;
        let mut polled = 0;
        for person in PEOPLE {
            polled += stage.host_app.polled_connections(person).await?;
        }
        stage.page.board.round(|round| round.read = polled);
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
            bail!(
                "the first round did not end within {} s; is this machine busy? Start the demo again",
                FIRST_ROUND.as_secs()
            );
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What can be opened in a browser, with what it shows.
fn addresses(stage: &Stage<'_>) -> [(String, String); 4] {
    let Stage { address, page, .. } = *stage;
    let minutes = page::TICKET_LASTS.num_minutes();
    let chart = format!("ann’s weights as a chart; signs you in, once, within {minutes} minutes");
    [
        (
            format!("{address}/demo"),
            "what happens, live: step on the scale, take a partner down".into(),
        ),
        (page.sign_in_link(address), chart),
        (stage.sandbox.url(), "the partners and what can be done to them".into()),
        (format!("{address}/openapi.json"), "every call of the daemon".into()),
    ]
}

/// Shows how to look around.
fn invite(stage: &Stage<'_>, screen: &mut Screen) -> anyhow::Result<()> {
    let Stage { address, key, key_file, .. } = *stage;
    let addresses = addresses(stage);
    screen.say("")?;
    if screen.is_live() {
        screen.say(&screen.paint(Style::Strong, "Open in a browser"))?;
        for (url, what) in &addresses {
            // A link that is broken over two lines cannot be clicked.
            screen.say(&format!("  {}", screen.paint(Style::Soft, what)))?;
            screen.say(&format!("  {}", screen.paint(Style::Link, url)))?;
        }
        screen.say("")?;
        screen.say(&screen.paint(Style::Strong, "Or ask it from another terminal"))?;
        screen.say(&format!("  S={address}"))?;
        // Others may see a terminal, but not this file.
        screen.say(&format!("  KEY=$(cat {})", key_file.display()))?;
    } else {
        screen.say("Look around, it goes on until Ctrl-C")?;
        screen.say(&format!("  S={address}"))?;
        screen.say(&format!("  KEY={key}"))?;
    }
    for path in ["v1/users/ann/records", "v1/users/ann/syncs", "admin/api/actors"] {
        screen.say(&format!("  curl -sH \"Authorization: Bearer $KEY\" $S/{path}"))?;
    }
    if screen.is_live() {
        screen.say("")?;
        screen.say(&screen.paint(Style::Strong, "Arriving now, until Ctrl-C"))?;
    } else {
        for (url, what) in &addresses {
            screen.say(&format!("  {url:<36} {what}"))?;
        }
        screen.say("")?;
    }
    screen.event(&json!({"event": "ready", "address": address, "key": key}))
}

/// Shows what arrives; quiet when nothing does.
async fn keep_going(
    stage: &Stage<'_>,
    screen: &mut Screen,
    mut progress: Progress<'_>,
) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let news = progress.follow(stage.host_app, LOOKS_EVERY).await?;
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
            let spinner = screen.paint(Style::Good, &screen.spinner().to_string());
            let status = format!("{spinner} {time} {records} records, {syncs} syncs, {failed}");
            screen.redraw(&status)?;
        }
    }
}
