//! One user: why data has or has not come, the connections, records over time, what happened.

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::figure::{self, Row};
use super::lines::{self, Day};
use super::looks;
use crate::model::{Condition, UserId};
use crate::web::admin::users::chart::newest::{NewestRecord, in_words};
use crate::web::admin::users::chart::{self, ChartView, Range};
use crate::web::admin::users::detail::{self, ExplainedConnection, LATEST, UserView, unknown};
use crate::web::api::timeline;
use crate::web::pages::answer::{NoPage, page};
use crate::web::pages::assets;
use crate::web::pages::frame::{Frame, Mark, Place};
use crate::web::pages::session::SignedIn;
use crate::web::pages::words;
use crate::web::{State, paging};

#[derive(Deserialize)]
pub(super) struct Asked {
    kind: Option<String>,
    #[serde(default)]
    range: Range,
    /// The timeline before this position.
    before: Option<String>,
    /// The partner whose connection is explained.
    explain: Option<String>,
    /// What was just done, to be said.
    done: Option<String>,
}

/// A link that may be the current one.
struct Tab {
    title: String,
    address: String,
    is_current: bool,
}

/// Why the data of a connection has or has not come.
struct Why {
    answer: String,
    others: Vec<(Mark, String)>,
    mend: Option<String>,
    next: String,
}

/// A connection in the table.
struct ConnectionRow {
    partner: String,
    title: String,
    id: i64,
    mark: Mark,
    since: String,
    summary: String,
    polled: String,
    off: Vec<String>,
    pushed: String,
    newest: String,
    next: String,
    can_sync: bool,
    can_end: bool,
}

/// A record in a line.
struct RecordRow {
    id: String,
    when: String,
    says: String,
    whereabouts: String,
}

#[derive(Template)]
#[template(path = "user.html")]
struct UserPage {
    frame: Frame,
    user: String,
    address: String,
    headline: String,
    facts: Vec<String>,
    done: Option<String>,
    explained: Vec<Tab>,
    why: Option<Why>,
    connections: Vec<ConnectionRow>,
    can_sync: bool,
    unfinished: Vec<(String, String)>,
    kinds: Vec<Tab>,
    ranges: Vec<Tab>,
    figure: String,
    rows: Vec<Row>,
    newest: Vec<RecordRow>,
    kind: String,
    days: Vec<Day>,
    later: bool,
    earlier: Option<String>,
    records: String,
}

/// Shows a user.
pub(super) async fn show(
    session: SignedIn,
    user: web::Path<UserId>,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let (user, asked) = (user.into_inner(), asked.into_inner());
    let view = detail::view(&state, &user).await?.ok_or_else(|| unknown(&user))?;
    let mut frame = Frame::new(&state, &session, Place::Users).await?;
    user.as_str().clone_into(&mut frame.searched);
    let now = frame.now;
    let before = asked.before.as_deref().map(paging::position).transpose()?;
    let (syncs, next) = match before {
        None if view.syncs.len() < usize::try_from(LATEST).unwrap_or_default() => (None, None),
        before => {
            let page = timeline::page(&state, user.clone(), None, before, LATEST).await?;
            (Some(page.syncs), page.next_cursor)
        }
    };
    let (kinds, counted) = (kinds_of(&view), records(&view));
    let kind = asked.kind.clone().filter(|kind| chart::kind(kind).is_some());
    let kind = kind.or_else(|| kinds.first().cloned()).unwrap_or_else(|| "weight".to_owned());
    let of = chart::kind(&kind).unwrap_or(crate::store::PointsOf::Kind("exercise"));
    let drawn = chart::view(&state, user.clone(), of, asked.range).await?;
    let address = user.in_address();
    let here = |kind: &str, range: Range| {
        format!("/admin/users/{address}?kind={kind}&range={}#over-time", range.name())
    };
    let tab = |title: String, address: String, is_current| Tab { title, address, is_current };
    let chosen = chosen(&view.connections, asked.explain.as_deref());
    let explained = view.connections.iter().map(|it| {
        let is_current =
            chosen.is_some_and(|chosen| chosen.connection.partner == it.connection.partner);
        tab(
            it.title.clone(),
            format!("/admin/users/{address}?explain={}", it.connection.partner),
            is_current,
        )
    });
    let shown = UserPage {
        done: asked.done.as_deref().and_then(done),
        facts: facts(&view, now),
        explained: explained.collect(),
        why: chosen.and_then(|it| why(it, now)),
        can_sync: view.connections.iter().any(is_synced),
        unfinished: view
            .unfinished
            .iter()
            .map(|it| (it.title.clone(), words::clock(&it.since, &now)))
            .collect(),
        kinds: kinds
            .iter()
            .map(|name| tab(in_words(name), here(name, asked.range), *name == kind))
            .collect(),
        ranges: Range::ALL
            .iter()
            .map(|range| {
                tab(range_words(*range).to_owned(), here(&kind, *range), *range == asked.range)
            })
            .collect(),
        figure: figure::figure(&state, &drawn, &silent(&view, &drawn)),
        rows: figure::rows(&state, &drawn, now),
        newest: drawn.newest.iter().map(|it| record_row(it, now)).collect(),
        kind: in_words(&kind).to_lowercase(),
        days: lines::days(&state, syncs.unwrap_or(view.syncs), now),
        later: before.is_some(),
        earlier: next.map(|before| format!("/admin/users/{address}?before={before}#timeline")),
        connections: view.connections.iter().map(|it| connection_row(it, now)).collect(),
        headline: view.headline,
        records: counted,
        user: user.to_string(),
        address: address.clone(),
        frame,
    };
    page(&shown)
}

/// What was just done, in words. Anything else in the address is not repeated.
fn done(what: &str) -> Option<String> {
    Some(match what {
        "sync" => "The syncs begin now, or as soon as limits allow. The timeline says how they end.".to_owned(),
        "revoked" => "Disconnected: the tokens are revoked at the partner and destroyed here.".to_owned(),
        "ended" => "Disconnected: the tokens are destroyed here. The timeline says why the partner did not revoke them.".to_owned(),
        _ => return None,
    })
}

fn facts(view: &UserView, now: DateTime<Utc>) -> Vec<String> {
    let known = view.known_since.map(|at| format!("Known since {}", words::clock(&at, &now)));
    let zones = view.connections.iter().map(|it| it.connection.time_zone.as_str());
    let zone = zones.filter(|zone| *zone != "UTC").max().map(str::to_owned);
    let count = i64::try_from(view.connections.len()).unwrap_or_default();
    let connections = words::count(count, "connection", "connections");
    known.into_iter().chain(zone).chain([records(view), connections]).collect()
}

/// How many records were counted.
fn records(view: &UserView) -> String {
    let counted = words::count(view.records.counted, "record", "records");
    if view.records.more { format!("more than {counted}") } else { counted }
}

/// The kinds a user has, the most first; weight before others.
fn kinds_of(view: &UserView) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    for count in &view.records.by {
        if !kinds.contains(&count.kind) {
            kinds.push(count.kind.clone());
        }
    }
    kinds.sort_by_key(|kind| kind != "weight");
    kinds
}

fn range_words(range: Range) -> &'static str {
    match range {
        Range::Month => "30 days",
        Range::Year => "1 year",
        Range::All => "All",
    }
}

/// The sources of a chart from which nothing can come any more, and since when.
fn silent(view: &UserView, drawn: &ChartView) -> Vec<(String, DateTime<Utc>)> {
    let is_drawn = |partner: &str| {
        drawn.sources.iter().any(|source| source.partner.as_deref() == Some(partner))
    };
    let stopped = view
        .connections
        .iter()
        .filter(|it| it.condition == Condition::MustReconnect && is_drawn(&it.connection.partner));
    stopped.filter_map(|it| Some((it.title.clone(), it.since?))).collect()
}

/// The connection that is explained: the one asked for, or the one that needs somebody most.
fn chosen<'a>(
    connections: &'a [ExplainedConnection],
    asked: Option<&str>,
) -> Option<&'a ExplainedConnection> {
    let urgency = |it: &&ExplainedConnection| match it.condition {
        Condition::MustReconnect => 0,
        Condition::PartnerDown => 1,
        Condition::Failing => 2,
        Condition::WaitsForLimit | Condition::Restarting => 3,
        Condition::FirstSync => 4,
        Condition::Working => 5,
        Condition::Ended | Condition::Disconnected | Condition::NotInstalled => 6,
    };
    let asked = asked.and_then(|name| connections.iter().find(|it| it.connection.partner == name));
    asked.or_else(|| connections.iter().min_by_key(urgency))
}

fn why(it: &ExplainedConnection, now: DateTime<Utc>) -> Option<Why> {
    let explanation = it.explanation.as_ref()?;
    let (first, others) = explanation.causes.split_first()?;
    let neutral = Mark { class: "is-run", symbol: "m-run", word: "also" };
    // That it is up to date has a time of its own in its words.
    let since = first.since.filter(|_| it.condition != Condition::Working);
    let since = since.map(|at| format!(" Since {}.", words::clock(&at, &now)));
    let next = match explanation.next.at {
        Some(at) => format!("{}, {}", words::clock(&at, &now), explanation.next.why),
        None => explanation.next.why.clone(),
    };
    Some(Why {
        answer: format!("{}{}", first.sentence, since.unwrap_or_default()),
        others: others.iter().map(|cause| (neutral, cause.sentence.clone())).collect(),
        mend: first.mend.clone(),
        next,
    })
}

fn is_synced(it: &ExplainedConnection) -> bool {
    it.connection.status == crate::model::Status::Connected
        && it.condition != Condition::NotInstalled
}

fn connection_row(it: &ExplainedConnection, now: DateTime<Utc>) -> ConnectionRow {
    let connection = &it.connection;
    let on = |switches: &std::collections::BTreeMap<&'static str, bool>, nothing: &str| {
        let names: Vec<_> = switches
            .iter()
            .filter(|(_, on)| **on)
            .map(|(name, _)| name.replace('_', " "))
            .collect();
        if names.is_empty() { nothing.to_owned() } else { names.join(", ") }
    };
    let nothing_goes =
        if connection.push.is_empty() { "nothing; it takes none" } else { "nothing; switched off" };
    let is_ended = connection.status == crate::model::Status::Disconnected;
    let next = it.explanation.as_ref().and_then(|it| it.next.at);
    ConnectionRow {
        partner: connection.partner.clone(),
        title: it.title.clone(),
        id: it.id.0,
        mark: looks::condition(it.condition),
        since: since(it, now),
        summary: it.explanation.as_ref().map(|it| it.summary.clone()).unwrap_or_default(),
        polled: on(&connection.poll, "nothing; switched off"),
        off: connection.switched_off.values().cloned().collect(),
        pushed: on(&connection.push, nothing_goes),
        newest: it.newest_at.map_or_else(|| "none".to_owned(), |at| words::clock(&at, &now)),
        next: next.map_or_else(
            || if is_synced(it) { "now" } else { "after a connect" }.to_owned(),
            |at| words::clock(&at, &now),
        ),
        can_sync: is_synced(it),
        can_end: !is_ended && it.condition != Condition::NotInstalled,
    }
}

/// Since when it is like this or, if it works, when it was last looked at.
fn since(it: &ExplainedConnection, now: DateTime<Utc>) -> String {
    let (word, at) = match it.condition {
        Condition::Working => ("looked at", it.connection.last_poll_at),
        _ => ("since", it.since),
    };
    at.map(|at| format!("{word} {}", words::clock(&at, &now))).unwrap_or_default()
}

fn record_row(it: &NewestRecord, now: DateTime<Utc>) -> RecordRow {
    RecordRow {
        id: it.record_id.to_string(),
        when: words::clock(&it.at, &now),
        says: it.says.clone(),
        whereabouts: it.whereabouts.clone(),
    }
}
