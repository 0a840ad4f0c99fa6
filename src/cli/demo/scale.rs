//! A step on the scale, and how soon the host app hears of it: by webhook and by stream.

use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::{Context, bail};
use partner_sandbox::Sandbox;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::PEOPLE;
use super::host_app::HostApp;
use super::screen::{Screen, Style};

/// The weight must arrive within this time.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The weight, in grams. Nobody else has it.
const GRAMS: i64 = 72_413;

/// How the host app heard of the weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Webhook,
    Stream,
}

type Heard = UnboundedSender<(Way, Instant)>;

/// Has somebody step on the scale, and shows how soon the weight is here.
pub(super) async fn step_on(
    host_app: &HostApp,
    sandbox: &Sandbox,
    screen: &mut Screen,
) -> anyhow::Result<()> {
    // Not the person of the other story: syncs of one connection keep a distance.
    let person = *PEOPLE.get(1).context("there are no people")?;
    let mut ears = Ears::open(host_app, person).await?;
    let heard = step(sandbox, person, &mut ears).await;
    ears.close(host_app).await?;
    let (webhook, stream) = heard?;
    screen.say("")?;
    let title = format!("{person} steps on the scale, and Withings notifies us");
    screen.say(&screen.paint(Style::Strong, &title))?;
    let good = screen.paint(Style::Good, "✓");
    for (way, after) in [("webhook", webhook), ("stream", stream)] {
        let milliseconds = after.as_millis();
        let does = format!("72.413 kg reaches the app by {way}");
        screen.say(&format!("  {good} {does:<39} after {milliseconds} ms"))?;
        screen.event(&json!({
            "event": "heard",
            "person": person,
            "by": way,
            "seconds": (after.as_secs_f64() * 1000.0).round() / 1000.0,
        }))?;
    }
    Ok(())
}

/// Steps on the scale. Returns after which time each way has brought the weight.
async fn step(
    sandbox: &Sandbox,
    person: &str,
    ears: &mut Ears,
) -> anyhow::Result<(Duration, Duration)> {
    let item = json!({
        "attrib": 0,
        "date": sandbox.control().now() - 5,
        "category": 1,
        "deviceid": "scale-1",
        "measures": [{"value": GRAMS, "type": 1, "unit": -3}],
    });
    let began = Instant::now();
    sandbox.control().append("withings", person, "measure", vec![item])?;
    let (mut webhook, mut stream) = (None, None);
    loop {
        if let (Some(webhook), Some(stream)) = (webhook, stream) {
            return Ok((webhook, stream));
        }
        let left = TIMEOUT.saturating_sub(began.elapsed());
        let Ok(Some((way, at))) = tokio::time::timeout(left, ears.heard.recv()).await else {
            bail!("the weight did not arrive within {} s", TIMEOUT.as_secs());
        };
        let first = match way {
            Way::Webhook => &mut webhook,
            Way::Stream => &mut stream,
        };
        first.get_or_insert(at.duration_since(began));
    }
}

/// What listens: a webhook endpoint, and a reader of the person's stream.
struct Ears {
    heard: UnboundedReceiver<(Way, Instant)>,
    endpoint: String,
    server: ServerHandle,
    reader: JoinHandle<()>,
}

impl Ears {
    async fn open(host_app: &HostApp, person: &str) -> anyhow::Result<Self> {
        let (tell, heard) = unbounded_channel();
        let to_server = tell.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(to_server.clone()))
                .default_service(web::post().to(receive))
        })
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))?;
        let address = *server.addrs().first().context("the endpoint has no address")?;
        let server = server.run();
        let handle = server.handle();
        actix_rt::spawn(server);
        let endpoint = json!({
            "url": format!("http://{address}/webhooks"),
            "events": ["record.*"],
            "user_prefix": person,
        });
        let added = host_app.send(Method::POST, "/v1/webhook-endpoints", &endpoint).await?;
        let id = added.get("id").and_then(Value::as_str).context("the endpoint has no id")?;
        let stream = host_app.open(&format!("/v1/users/{person}/stream")).await?;
        let reader = actix_rt::spawn(read(stream, tell));
        Ok(Self { heard, endpoint: id.to_owned(), server: handle, reader })
    }

    async fn close(self, host_app: &HostApp) -> anyhow::Result<()> {
        self.reader.abort();
        host_app.delete(&format!("/v1/webhook-endpoints/{}", self.endpoint)).await?;
        self.server.stop(false).await;
        Ok(())
    }
}

/// The host app's webhook endpoint. The guide shows how to check the signature.
async fn receive(body: web::Bytes, heard: web::Data<Heard>) -> HttpResponse {
    let at = Instant::now();
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let many = message.pointer("/data/changes").and_then(Value::as_array);
    let records = many.into_iter().flatten().filter_map(|change| change.get("record"));
    if records.chain(message.pointer("/data/record")).any(is_it) {
        // Nobody listens if the demo has ended.
        heard.send((Way::Webhook, at)).unwrap_or_default();
    }
    HttpResponse::NoContent().finish()
}

/// Reads the stream's events until it ends.
async fn read(mut stream: reqwest::Response, heard: Heard) {
    let mut unread = String::new();
    while let Ok(Some(chunk)) = stream.chunk().await {
        unread.push_str(&String::from_utf8_lossy(&chunk));
        while let Some((line, rest)) = unread.split_once('\n') {
            let change = line.strip_prefix("data:").unwrap_or_default();
            let change: Value = serde_json::from_str(change).unwrap_or_default();
            if change.get("record").is_some_and(is_it) {
                heard.send((Way::Stream, Instant::now())).unwrap_or_default();
            }
            unread = rest.to_owned();
        }
    }
}

fn is_it(record: &Value) -> bool {
    let kilograms = record.pointer("/measurement/value").and_then(Value::as_f64);
    kilograms.is_some_and(|kilograms| (kilograms * 1_000.0).round() as i64 == GRAMS)
}
