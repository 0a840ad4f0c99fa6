//! One endpoint: how its deliveries end and what waits. `webhook_acts.rs` is what its buttons do.

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::answer::{NoPage, page};
use super::frame::{Frame, Mark, Place};
use super::session::SignedIn;
use super::webhooks::{self, Bar};
use super::{assets, words};
use crate::model::DeliveryStatus;
use crate::web::State;
use crate::web::admin::webhooks::{Asked as Wanted, Webhook, attempts, one};
use crate::web::api::webhook_endpoints::EndpointStatus;
use crate::web::api::webhook_endpoints_calls::DeliveryView;

/// How many attempts stand on a page.
const ATTEMPTS: u32 = 50;

/// The page.
#[derive(Template)]
#[template(path = "webhook.html")]
struct Page {
    frame: Frame,
    id: String,
    name: String,
    title: String,
    state: Mark,
    is_off: bool,
    notice: Option<Notice>,
    done: Option<&'static str>,
    figures: Vec<Figure>,
    bars: Vec<Bar>,
    bars_in_words: String,
    attempts: Vec<Row>,
    is_failing_only: bool,
    older: Option<String>,
    replay_from: String,
    facts: Vec<(&'static str, String)>,
    previous_until: Option<String>,
}

/// What is wrong, and what mends it.
struct Notice {
    class: &'static str,
    symbol: &'static str,
    what: String,
    more: String,
    until: Option<String>,
}

/// A figure.
struct Figure {
    label: &'static str,
    value: String,
    sub: String,
}

/// An attempt.
struct Row {
    at: String,
    at_machine: String,
    types: Vec<String>,
    of: String,
    state: Mark,
    answer: String,
    becomes: String,
}

/// What the page can be asked.
#[derive(Deserialize)]
pub(super) struct Asked {
    show: Option<String>,
    cursor: Option<String>,
    done: Option<String>,
}

/// Shows the endpoint.
pub(super) async fn show(
    session: SignedIn,
    id: web::Path<String>,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let webhook = one(&state, &id).await?;
    let is_failing_only = asked.show.as_deref() == Some("failing");
    let wanted = Wanted {
        failing: Some(is_failing_only),
        cursor: asked.cursor.clone(),
        limit: Some(ATTEMPTS),
    };
    let list = attempts(&state, &id, &wanted).await?;
    let frame = Frame::new(&state, &session, Place::Webhooks).await?;
    let now = frame.now;
    let endpoint = &webhook.endpoint;
    let name = webhooks::name(&endpoint.url);
    let title = match endpoint.status {
        EndpointStatus::Failing => format!("{name} does not take events"),
        EndpointStatus::Disabled => format!("{name} is switched off"),
        EndpointStatus::Active => format!("{name} takes events"),
    };
    let from = endpoint.failing_since.unwrap_or(now - TimeDelta::hours(1));
    let until = endpoint.previous_secret_until;
    page(&Page {
        id: endpoint.id.clone(),
        name,
        title,
        state: webhooks::state_of(&webhook),
        is_off: endpoint.status == EndpointStatus::Disabled,
        notice: notice(&webhook, &now),
        done: asked.done.as_deref().and_then(done),
        figures: figures(&webhook, &now),
        bars: webhooks::bars(&webhook.by_hour),
        bars_in_words: webhooks::bars_in_words(&webhook),
        attempts: list.deliveries.iter().map(|attempt| row(attempt, &now)).collect(),
        is_failing_only,
        older: list.next_cursor,
        replay_from: from.format("%Y-%m-%dT%H:%M").to_string(),
        facts: facts(&webhook, &now),
        previous_until: until.map(|until| words::clock(&until, &now)),
        frame,
    })
}

fn done(word: &str) -> Option<&'static str> {
    Some(match word {
        "replay" => {
            "It is being sent again, in order. The attempts appear below; what happens meanwhile follows."
        }
        "on" => "It is switched on and goes on where it stopped.",
        "off" => "It is switched off. What happens meanwhile is sent once it is on again.",
        _ => return None,
    })
}

fn notice(webhook: &Webhook, now: &DateTime<Utc>) -> Option<Notice> {
    let endpoint = &webhook.endpoint;
    let clock = |at: Option<DateTime<Utc>>| at.map(|at| words::clock(&at, now)).unwrap_or_default();
    match endpoint.status {
        EndpointStatus::Disabled => Some(Notice {
            class: "is-off",
            symbol: "m-off",
            what: format!("Nothing is sent since {}.", clock(endpoint.disabled_at)),
            more: format!(
                "Why: {}. Once it is switched on it goes on where it stopped; nothing is lost within the time that changes are kept.",
                endpoint.disabled_reason.as_deref().unwrap_or("unknown")
            ),
            until: None,
        }),
        EndpointStatus::Failing => {
            let next = endpoint.next_attempt_at.max(webhook.waiting.next_attempt_at);
            let next = next.filter(|at| at > now);
            let next = next.map_or_else(String::new, |at| {
                format!("; the next one is at {}", words::clock(&at, now))
            });
            Some(Notice {
                class: "is-bad",
                symbol: "m-bad",
                what: format!("The last attempt: {}.", endpoint.last_error.as_deref().unwrap_or("it failed")),
                more: format!(
                    "{} in a row failed since {}{next}. Nothing is lost: events are kept, and sent in order for each user.",
                    words::count(endpoint.failures.into(), "attempt", "attempts"),
                    clock(endpoint.failing_since),
                ),
                until: webhook.disabled_unless_by.map(|at| words::clock(&at, now)),
            })
        }
        EndpointStatus::Active if webhook.waiting.users > 0 => Some(Notice {
            class: "is-warn",
            symbol: "m-warn",
            what: format!(
                "It refuses messages of {}.",
                words::count(webhook.waiting.users, "user", "users")
            ),
            more: "What follows of them waits; everybody else’s is delivered. A message is tried for three days, then it is given up.".to_owned(),
            until: None,
        }),
        EndpointStatus::Active => None,
    }
}

fn figures(webhook: &Webhook, now: &DateTime<Utc>) -> Vec<Figure> {
    let (hour, day, waiting) = (webhook.last_hour, webhook.last_day, &webhook.waiting);
    let messages = |count| words::count(count, "message", "messages");
    let oldest = waiting.oldest_at.map(|at| format!("the oldest for {}", words::span(*now - at)));
    let figure = |label, value, sub| Figure { label, value, sub };
    vec![
        figure("Changes taken, 1 h", words::number(hour.changes), messages(hour.delivered)),
        figure("Changes taken, 24 h", words::number(day.changes), messages(day.delivered)),
        figure("Failed attempts, 24 h", words::number(day.failed), {
            format!("{} in the last hour", words::number(hour.failed))
        }),
        figure("Changes that wait", webhooks::waiting(webhook), oldest.unwrap_or_default()),
        figure("Answers in, p95", webhooks::answers(webhook), "of the last 100".to_owned()),
    ]
}

fn facts(webhook: &Webhook, now: &DateTime<Utc>) -> Vec<(&'static str, String)> {
    let endpoint = &webhook.endpoint;
    let last = endpoint.last_success_at.map(|at| words::clock(&at, now));
    let mut facts = vec![
        ("Id", endpoint.id.clone()),
        ("Hears of", webhooks::hears(&endpoint.events)),
        ("Of whom", webhooks::users(endpoint.user_prefix.as_deref())),
        ("Last took a message", last.unwrap_or_else(|| "never yet".to_owned())),
        ("Added", words::clock(&endpoint.created_at, now)),
    ];
    facts.extend(endpoint.description.clone().map(|text| ("What it is for", text)));
    facts
}

fn row(attempt: &DeliveryView, now: &DateTime<Utc>) -> Row {
    let (class, symbol, word) = match attempt.status {
        DeliveryStatus::Delivered => ("is-ok", "m-ok", "Taken"),
        DeliveryStatus::Failed => ("is-bad", "m-bad", "Failed"),
        DeliveryStatus::GivenUp => ("is-bad", "m-bad", "Given up"),
    };
    let took = webhooks::took_in_words(attempt.duration_ms);
    let answer = match (attempt.status_code, &attempt.error) {
        (Some(code), _) => format!("{code} in {took}"),
        (None, error) => format!("{} after {took}", error.as_deref().unwrap_or("No answer")),
    };
    let number = nth(attempt.attempt);
    let becomes = match (attempt.status, attempt.next_attempt_at) {
        (DeliveryStatus::Delivered, _) if attempt.attempt == 1 => "Delivered at once".to_owned(),
        (DeliveryStatus::Delivered, _) => format!("Delivered at the {number} attempt"),
        (DeliveryStatus::GivenUp, _) => {
            format!("Given up at the {number} attempt; a replay sends it again")
        }
        (DeliveryStatus::Failed, Some(next)) => {
            format!("{number} attempt; next {}", words::clock(&next, now))
        }
        (DeliveryStatus::Failed, None) => format!("{number} attempt"),
    };
    Row {
        at: words::clock(&attempt.at, now),
        at_machine: words::machine(&attempt.at),
        types: attempt.types.keys().cloned().collect(),
        of: format!(
            "{} of {}",
            words::count(attempt.changes.into(), "change", "changes"),
            words::count(attempt.users.into(), "user", "users")
        ),
        state: Mark { class, symbol, word },
        answer,
        becomes,
    }
}

/// `1st`, `2nd`, `3rd`, `4th`, `11th`, `21st`.
fn nth(number: u32) -> String {
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_counted_as_people_do() {
        let shown = [1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111].map(nth);
        let expected =
            ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "101st", "111th"];
        assert_eq!(shown, expected);
    }
}
