//! Looks at the partners and at the daemon, and puts what they count on the board.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use partner_sandbox::Control;
use serde_json::Value;

use super::super::host_app::HostApp;
use super::super::words::text;
use super::super::{PARTNERS, PEOPLE, title};
use super::board::{Asked, Person, PersonState, Refused, Shared, Side, Syncs};
use super::{ME, Page};
use crate::partners::catalog;

/// How long until the next look.
const LOOKS_EVERY: Duration = Duration::from_millis(500);

/// How many seconds of calls are kept.
const KEPT_SECONDS: usize = 300;

/// How many people are looked at each time although nothing came from them.
const IN_TURN: usize = 2;

/// How many new weights are asked for at each look.
const ASKED_AT_ONCE: usize = 5;

/// What is kept from one look to the next.
#[derive(Default)]
struct Memory {
    looks: usize,
    /// The calls of each partner since the start, once a second.
    calls: BTreeMap<&'static str, Vec<u64>>,
    /// What was refused of each person.
    refused: BTreeMap<String, Vec<Refused>>,
}

/// Looks again and again. Ends when the daemon does not answer any more.
pub(in crate::cli::demo) async fn run(page: &Page) -> anyhow::Result<()> {
    let mut memory = Memory::default();
    loop {
        look(page, &mut memory).await?;
        memory.looks += 1;
        tokio::time::sleep(LOOKS_EVERY).await;
    }
}

async fn look(page: &Page, memory: &mut Memory) -> anyhow::Result<()> {
    let host_app = page.host_app()?;
    let tree = host_app.get("/admin/api/actors").await?;
    let sides: Vec<Side> = PARTNERS
        .iter()
        .map(|partner| side(page, memory, partner, &tree))
        .collect::<anyhow::Result<_>>()?;

    let mut people = page.board.touched();
    if people.contains(ME) {
        page.find_me().await?;
    }
    let turn = (0..IN_TURN).filter_map(|place| PEOPLE.get((memory.looks * IN_TURN + place) % 12));
    people.extend(turn.map(|person| (*person).to_owned()));
    let (mut seen, is_over) = (Vec::new(), page.board.scene().round.is_over);
    for person in &people {
        if is_over {
            memory.refused.insert(person.clone(), refused(page, person).await?);
        }
        seen.push(person_at(page, person, memory.refused.get(person)));
    }
    let mut shared = Vec::new();
    for _ in 0..ASKED_AT_ONCE {
        let Some(asked) = page.board.asked() else { break };
        match at_both(page, &asked).await? {
            Some(found) => shared.push(found),
            None => page.board.ask_again(asked),
        }
    }
    let syncs = HostApp::syncs_of(&tree);
    page.board.change(|scene| {
        scene.sides = sides;
        scene.syncs = Syncs { done: syncs.0, failed: syncs.1 };
        for person in seen.into_iter().filter(|person| !person.weights.is_empty()) {
            match scene.people.iter_mut().find(|known| known.name == person.name) {
                Some(known) => *known = person,
                None => scene.people.push(person),
            }
        }
        // Whoever connected last is a guest, and stands first.
        scene.people.sort_by_key(|person| (person.name != ME, person.name.clone()));
        scene.shared += shared.len();
        scene.last_shared = shared.pop().or_else(|| scene.last_shared.take());
        scene.refused = by_reason(memory);
    });
    Ok(())
}

/// A partner, by its own counts.
fn side(
    page: &Page,
    memory: &mut Memory,
    partner: &'static str,
    tree: &Value,
) -> anyhow::Result<Side> {
    let control = &page.control;
    let (counts, limits) = (control.counts(partner)?, control.limits(partner)?);
    let window_s = limits.app.map_or(60, |limit| limit.seconds);
    let calls = memory.calls.entry(partner).or_default();
    if memory.looks.is_multiple_of(2) {
        calls.push(counts.calls);
        let excess = calls.len().saturating_sub(KEPT_SECONDS + window_s as usize);
        calls.drain(..excess);
    }
    let before = |second: usize| {
        // Before the first look there were none.
        second.checked_sub(window_s as usize).and_then(|then| calls.get(then)).copied()
    };
    let all = calls.iter().enumerate();
    let window: Vec<u64> =
        all.map(|(second, now)| now.saturating_sub(before(second).unwrap_or_default())).collect();
    let shown = window.len().saturating_sub(KEPT_SECONDS);
    let accounts = control.accounts(partner)?;
    let connected = accounts.iter().filter(|account| account.connected);
    let (down_since, failed) = page.down(partner)?.unzip();
    let catalog = catalog();
    let manifest = catalog.iter().map(|it| it.manifest()).find(|it| it.name == partner);
    let node = tree.get("partners").and_then(Value::as_array).into_iter().flatten();
    let node = node.into_iter().find(|node| text(node, "/partner") == Some(partner));
    Ok(Side {
        partner: partner.to_owned(),
        title: title(partner),
        down_since,
        failed: failed.unwrap_or_default(),
        items: connected.clone().map(|account| account.items.values().sum::<usize>()).sum(),
        accounts: connected.count(),
        takes: manifest
            .map(|it| it.push_kinds().iter().map(|kind| kind.name().replace('_', " ")).collect())
            .unwrap_or_default(),
        calls: counts.calls,
        over_limit: counts.rejected,
        window: window.into_iter().skip(shown).collect(),
        most: counts.busiest_window.calls,
        allowed: limits.app.map(|limit| limit.calls),
        window_s,
        writes: counts.writes.values().sum(),
        circuit: node.and_then(|node| text(node, "/circuit")).unwrap_or_default().to_owned(),
        retry_at: node.and_then(|node| text(node, "/circuit_retry_at")?.parse().ok()),
        waiting: node.and_then(|node| node.get("due_now")?.as_u64()).unwrap_or_default(),
    })
}

fn person_at(page: &Page, person: &str, refused: Option<&Vec<Refused>>) -> Person {
    let mut weights = BTreeMap::new();
    let account = |partner| page.account(person, partner);
    let newest = account("withings")
        .and_then(|account| weights_at_withings(&page.control, &account).into_iter().next());
    let there = account("runkeeper")
        .map(|account| weights_at_runkeeper(&page.control, &account))
        .unwrap_or_default();
    let state = newest.as_ref().map_or(PersonState::NothingNew, |newest| {
        let is_it = |refused: &Refused| refused.id == format!("{}:weight", newest.id);
        if there.iter().any(|other| is_same(*other, newest.kilograms)) {
            PersonState::InStep
        } else if refused.into_iter().flatten().any(is_it) {
            PersonState::Refused
        } else if page.pushes_since().is_some_and(|since| since <= newest.at) {
            PersonState::OnItsWay
        } else {
            PersonState::NothingNew
        }
    });
    weights.extend(newest.map(|newest| ("withings".to_owned(), newest.kilograms)));
    weights.extend(there.first().map(|kilograms| ("runkeeper".to_owned(), *kilograms)));
    Person { name: person.to_owned(), weights, state }
}

/// Whether two weights are one: RunKeeper keeps two places after the point.
pub(super) fn is_same(one: f64, other: f64) -> bool {
    (one - other).abs() < 0.006
}

/// A weight at Withings.
pub(super) struct Weight {
    /// The id of what was measured together.
    id: i64,
    pub(super) kilograms: f64,
    at: DateTime<Utc>,
}

/// All weights, newest first.
pub(super) fn weights_at_withings(control: &Control, account: &str) -> Vec<Weight> {
    // An account comes into being when somebody connects it.
    let items = control.items("withings", account, "measure").unwrap_or_default();
    let weight = |item: &Value| {
        let measures = item.get("measures")?.as_array()?;
        let weight =
            measures.iter().find(|of| of.get("type").and_then(Value::as_i64) == Some(1))?;
        let unit = i32::try_from(weight.get("unit")?.as_i64()?).ok()?;
        let kilograms = weight.get("value")?.as_f64()? * 10_f64.powi(unit);
        let at = DateTime::from_timestamp(item.get("date")?.as_i64()?, 0)?;
        Some(Weight { id: item.get("grpid")?.as_i64()?, kilograms, at })
    };
    let mut weights: Vec<Weight> = items.iter().filter_map(weight).collect();
    weights.sort_by_key(|weight| std::cmp::Reverse(weight.at));
    weights
}

/// All weights, newest first.
pub(super) fn weights_at_runkeeper(control: &Control, account: &str) -> Vec<f64> {
    let items = control.items("runkeeper", account, "weight").unwrap_or_default();
    items.iter().filter_map(|item| item.get("weight")?.as_f64()).collect()
}

/// Whether both partners have a record by now.
async fn at_both(page: &Page, asked: &Asked) -> anyhow::Result<Option<Shared>> {
    let path = format!("/v1/users/{}/records/{}", asked.person, asked.record);
    let Some(record) = page.host_app()?.find(&path).await? else { return Ok(None) };
    let partners = record.get("partners").and_then(Value::as_array).cloned().unwrap_or_default();
    let has = partners.iter().filter(|it| text(it, "/state") == Some("in_step"));
    let at: Vec<_> = has
        .filter_map(|it| Some((title(text(it, "/partner")?), text(it, "/external_id")?.to_owned())))
        .collect();
    let Asked { person, record, what, from } = asked.clone();
    Ok((at.len() >= PARTNERS.len()).then_some(Shared { person, what, from, record, at }))
}

/// What the syncs of a person refused, each record once.
async fn refused(page: &Page, person: &str) -> anyhow::Result<Vec<Refused>> {
    let path = format!("/v1/users/{person}/syncs?limit=1000");
    let lines = page.host_app()?.find(&path).await?.unwrap_or_default();
    let mut records: BTreeMap<(String, String), String> = BTreeMap::new();
    for line in lines.get("syncs").and_then(Value::as_array).into_iter().flatten() {
        let partner = text(line, "/partner").unwrap_or_default();
        let feeds = line.pointer("/detail/feeds").and_then(Value::as_array);
        let named = |feed: &Value| feed.get("refusals").and_then(Value::as_array).cloned();
        for refusal in feeds.into_iter().flatten().filter_map(named).flatten() {
            let id = text(&refusal, "/source_id").unwrap_or_default().to_owned();
            let reason = text(&refusal, "/reason").unwrap_or_default().to_owned();
            records.insert((id, reason), partner.to_owned());
        }
    }
    let refused = |((id, reason), partner): ((String, String), String)| Refused {
        id,
        reason,
        count: 1,
        person: person.to_owned(),
        partner: title(&partner),
    };
    Ok(records.into_iter().map(refused).collect())
}

/// All that was refused, the most frequent reasons first.
fn by_reason(memory: &Memory) -> Vec<Refused> {
    let mut reasons: Vec<Refused> = Vec::new();
    for refused in memory.refused.values().flatten() {
        match reasons.iter_mut().find(|known| known.reason == refused.reason) {
            Some(known) => known.count += 1,
            None => reasons.push(refused.clone()),
        }
    }
    reasons.sort_by_key(|refused| std::cmp::Reverse(refused.count));
    reasons
}
