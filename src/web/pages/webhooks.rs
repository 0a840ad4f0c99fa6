//! Does the host app hear us: all endpoints, and a new one.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::answer::{NoPage, page_with};
use super::frame::{Frame, Mark, Place};
use super::session::{SignedForm, SignedIn};
use super::{assets, words};
use crate::events::checked_target;
use crate::web::admin::webhooks::{self, Hour, Webhook};
use crate::web::api::webhook_endpoints::EndpointStatus;
use crate::web::audit::AuditNote;
use crate::web::endpoints::{self, Wish};
use crate::web::{Problem, State};

/// The height of a small chart in pixels.
const TALL: f64 = 20.0;

/// The longest texts of a new endpoint, as in the API.
const LONGEST_URL: usize = 2_048;
const LONGEST_PREFIX: usize = 256;
const LONGEST_DESCRIPTION: usize = 500;

/// The page.
#[derive(Template)]
#[template(path = "webhooks.html")]
struct Page<'a> {
    frame: Frame,
    title: String,
    sentence: String,
    rows: Vec<Row>,
    new: &'a New,
    wrong: Option<String>,
    is_url_wrong: bool,
    was_deleted: bool,
}

/// An endpoint.
struct Row {
    id: String,
    name: String,
    state: Mark,
    since: Option<String>,
    hears: String,
    users: String,
    delivered: String,
    waiting: String,
    waits: bool,
    answers: String,
    bars: Vec<Bar>,
    bars_in_words: String,
}

/// A bar of the chart by the hour.
pub(super) struct Bar {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) height: String,
    pub(super) class: &'static str,
}

/// What the page can be asked.
#[derive(Deserialize)]
pub(super) struct Asked {
    deleted: Option<String>,
}

/// A new endpoint as it was typed in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct New {
    url: String,
    records: Option<String>,
    connections: Option<String>,
    syncs: Option<String>,
    user_prefix: String,
    description: String,
}

/// What must be copied now.
#[derive(Template)]
#[template(path = "shown_once.html")]
pub(super) struct ShownOnce<'a> {
    pub(super) frame: Frame,
    pub(super) title: &'a str,
    pub(super) sentence: &'a str,
    pub(super) secret: &'a str,
    pub(super) hint: &'a str,
    pub(super) back: &'a str,
    pub(super) back_to: &'a str,
}

/// Shows all endpoints.
pub(super) async fn show(
    session: SignedIn,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let all = New {
        records: Some(String::new()),
        connections: Some(String::new()),
        syncs: Some(String::new()),
        ..New::default()
    };
    answer(&state, &session, StatusCode::OK, &all, None, asked.deleted.is_some()).await
}

async fn answer(
    state: &State,
    session: &SignedIn,
    status: StatusCode,
    new: &New,
    wrong: Option<(&'static str, String)>,
    was_deleted: bool,
) -> Result<HttpResponse, NoPage> {
    let webhooks = webhooks::all(state).await?;
    let frame = Frame::new(state, session, Place::Webhooks).await?;
    let (title, sentence) = in_short(&webhooks);
    let rows = webhooks.iter().map(|webhook| row(webhook, &frame.now)).collect();
    let is_url_wrong = wrong.as_ref().is_some_and(|(field, _)| *field == "url");
    let wrong = wrong.map(|(_, text)| text);
    page_with(status, &Page { frame, title, sentence, rows, new, wrong, is_url_wrong, was_deleted })
}

/// Takes a new endpoint, and shows its secret.
pub(super) async fn add(
    note: AuditNote,
    form: SignedForm<New>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let SignedForm { session, fields } = form;
    let wish = match wish(&state, &fields) {
        Ok(wish) => wish,
        Err(wrong) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return answer(&state, &session, status, &fields, Some(wrong), false).await;
        }
    };
    let (id, secret) = endpoints::create(&state, wish).await?;
    note.about(&id);
    let shown = ShownOnce {
        frame: Frame::new(&state, &session, Place::Webhooks).await?,
        title: "The endpoint is added",
        sentence: "It hears of what happens from now on. This is the secret that signs its messages; give it to the host app.",
        secret: secret.expose_secret(),
        hint: "It is shown only now. A lost one can be replaced by another on the endpoint’s page.",
        back: &format!("/admin/webhooks/{id}"),
        back_to: "To the endpoint",
    };
    page_with(StatusCode::CREATED, &shown)
}

fn wish(state: &State, new: &New) -> Result<Wish, (&'static str, String)> {
    let url = new.url.trim();
    if url.len() > LONGEST_URL {
        return Err(("url", format!("It has more than {LONGEST_URL} bytes.")));
    }
    checked_target(url, state.events.allows_private_targets())
        .map_err(|why| ("url", format!("{}.", sentence(&why))))?;
    let chosen =
        [(&new.records, "record.*"), (&new.connections, "connection.*"), (&new.syncs, "sync.*")];
    let chosen = chosen.into_iter().filter(|(chosen, _)| chosen.is_some());
    let events: Vec<String> = chosen.map(|(_, pattern)| pattern.to_owned()).collect();
    let events = match events.len() {
        0 => return Err(("events", "Choose what it hears of.".to_owned())),
        3 => vec!["*".to_owned()],
        _ => events,
    };
    let text = |field, text: &str, longest: usize| {
        let text = text.trim();
        let is_fit = text.chars().count() <= longest && !text.contains(char::is_control);
        let wrong = format!("Write at most {longest} letters, without line breaks.");
        if is_fit {
            Ok(Some(text.to_owned()).filter(|it| !it.is_empty()))
        } else {
            Err((field, wrong))
        }
    };
    Ok(Wish {
        url: SecretString::from(url),
        events,
        user_prefix: text("user_prefix", &new.user_prefix, LONGEST_PREFIX)?,
        description: text("description", &new.description, LONGEST_DESCRIPTION)?,
    })
}

/// With a capital letter.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The answer to whether all is well, and a sentence.
fn in_short(webhooks: &[Webhook]) -> (String, String) {
    let with = |status| webhooks.iter().filter(move |it| it.endpoint.status == status);
    let (failing, off) =
        (with(EndpointStatus::Failing).count(), with(EndpointStatus::Disabled).count());
    let all = webhooks.len();
    let title = match (all, failing) {
        (0, _) => "No endpoint hears of changes yet".to_owned(),
        (_, 1) => "One endpoint does not take events".to_owned(),
        (_, 2..) => format!("{failing} endpoints do not take events"),
        _ if all == off => "All endpoints are switched off".to_owned(),
        _ => "The endpoints take what they are sent".to_owned(),
    };
    let mut sentence = match all {
        0 => {
            "Add one, and the host app is sent what happens to records and connections.".to_owned()
        }
        _ => format!(
            "{}.",
            words::count(i64::try_from(all).unwrap_or(i64::MAX), "endpoint", "endpoints")
        ),
    };
    if failing > 0 {
        sentence.push_str(" What is not taken is kept, and sent in order once it is.");
    }
    if off > 0 && off < all {
        let off = words::count(i64::try_from(off).unwrap_or(i64::MAX), "is", "are");
        sentence.push_str(&format!(" {off} switched off."));
    }
    (title, sentence)
}

fn row(webhook: &Webhook, now: &DateTime<Utc>) -> Row {
    let endpoint = &webhook.endpoint;
    let since = endpoint.disabled_at.or(endpoint.failing_since);
    Row {
        id: endpoint.id.clone(),
        name: name(&endpoint.url),
        state: state_of(webhook),
        since: since.map(|since| words::clock(&since, now)),
        hears: hears(&endpoint.events),
        users: users(endpoint.user_prefix.as_deref()),
        delivered: words::number(webhook.last_day.changes),
        waiting: waiting(webhook),
        waits: webhook.waiting.changes > 0 || webhook.waiting.messages > 0,
        answers: answers(webhook),
        bars: bars(&webhook.by_hour),
        bars_in_words: bars_in_words(webhook),
    }
}

/// An address without what may be a secret: its query.
pub(super) fn name(url: &str) -> String {
    match Url::parse(url) {
        Ok(url) => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            let path = url.path().trim_end_matches('/');
            format!("{}{port}{path}", url.host_str().unwrap_or_default())
        }
        Err(_) => "an address that cannot be read".to_owned(),
    }
}

/// How an endpoint is.
pub(super) fn state_of(webhook: &Webhook) -> Mark {
    let (class, symbol, word) = match webhook.endpoint.status {
        EndpointStatus::Disabled => ("is-off", "m-off", "Off"),
        EndpointStatus::Failing => ("is-bad", "m-bad", "Fails"),
        EndpointStatus::Active if webhook.waiting.users > 0 => {
            ("is-warn", "m-warn", "Refuses some")
        }
        EndpointStatus::Active => ("is-ok", "m-ok", "Delivers"),
    };
    Mark { class, symbol, word }
}

/// What an endpoint hears of, in words.
pub(super) fn hears(patterns: &[String]) -> String {
    let words: Vec<&str> = patterns
        .iter()
        .map(|pattern| match pattern.as_str() {
            "*" => "everything",
            "record.*" => "records",
            "connection.*" => "connections",
            "sync.*" => "failing syncs",
            other => other,
        })
        .collect();
    words.join(", ")
}

/// Of whom an endpoint hears.
pub(super) fn users(prefix: Option<&str>) -> String {
    prefix.map_or_else(|| "all users".to_owned(), |prefix| format!("users {prefix}…"))
}

/// How many changes wait.
pub(super) fn waiting(webhook: &Webhook) -> String {
    let waiting = &webhook.waiting;
    let over = if waiting.more { "over " } else { "" };
    match waiting.changes {
        0 if waiting.messages > 0 => words::count(waiting.messages, "message", "messages"),
        changes => format!("{over}{}", words::number(changes)),
    }
}

/// How fast an endpoint answers.
pub(super) fn answers(webhook: &Webhook) -> String {
    webhook.answers_p95_ms.map_or_else(|| "–".to_owned(), took_in_words)
}

/// A short time.
pub(super) fn took_in_words(ms: u32) -> String {
    if ms < 1_000 { format!("{ms} ms") } else { format!("{:.1} s", f64::from(ms) / 1_000.0) }
}

/// The bars of the last day: what was taken, and above it what was not.
pub(super) fn bars(hours: &[Hour]) -> Vec<Bar> {
    let all = |hour: &Hour| hour.deliveries.delivered + hour.deliveries.failed;
    let most = hours.iter().map(all).max().unwrap_or_default().max(1);
    let tall = |count: i64| TALL * count as f64 / most as f64;
    let mut bars = Vec::new();
    for (place, hour) in hours.iter().enumerate() {
        let x = format!("{:.1}%", 100.0 * place as f64 / hours.len() as f64);
        let (delivered, failed) = (tall(hour.deliveries.delivered), tall(hour.deliveries.failed));
        for (class, below, height) in [("f-acc2", 0.0, delivered), ("f-bad", delivered, failed)] {
            if height > 0.0 {
                // What is there at all can be seen.
                let height = height.max(1.0);
                let y = format!("{:.1}", 24.0 - below - height);
                bars.push(Bar { x: x.clone(), y, height: format!("{height:.1}"), class });
            }
        }
    }
    bars
}

/// What the bars show.
pub(super) fn bars_in_words(webhook: &Webhook) -> String {
    let day = webhook.last_day;
    format!(
        "In each hour of the last day, together {} taken and {} that failed",
        words::count(day.delivered, "message", "messages"),
        words::count(day.failed, "attempt", "attempts"),
    )
}

/// The problem of a confirmation that does not fit.
pub(super) fn not_confirmed(what: &str) -> NoPage {
    let detail = format!(
        "What was typed is not the id. Nothing was {what}. Go back and type the id as it stands there"
    );
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not-confirmed", detail).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_of_an_address_is_not_shown() {
        for (url, shown) in [
            ("https://app.example.com/hooks?key=hush", "app.example.com/hooks"),
            ("https://app.example.com/", "app.example.com"),
            ("http://127.0.0.1:8080/a/b?x", "127.0.0.1:8080/a/b"),
            ("?", "an address that cannot be read"),
        ] {
            assert_eq!(name(url), shown);
        }
    }

    #[test]
    fn bars_stand_on_the_ground_and_fit() {
        let hour = |delivered, failed| Hour {
            from: DateTime::UNIX_EPOCH,
            deliveries: webhooks::Deliveries { delivered, failed, changes: 0 },
        };
        let bars = bars(&[hour(10, 0), hour(0, 0), hour(5, 5), hour(1, 0)]);
        let shown: Vec<_> =
            bars.iter().map(|it| (it.x.as_str(), it.y.as_str(), it.height.as_str())).collect();
        let expected = [
            ("0.0%", "4.0", "20.0"),
            ("50.0%", "14.0", "10.0"),
            ("50.0%", "4.0", "10.0"),
            ("75.0%", "22.0", "2.0"),
        ];
        assert_eq!(shown, expected);
    }
}
