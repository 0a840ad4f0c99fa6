//! Pushes records of the host app to every partner that accepts them.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use partner_sandbox::TokenAction;
use reqwest::Method;
use serde_json::{Value, json};

use super::{PartnerFixture, of_item};
use crate::harness::eventually;
use crate::partners::{Known, Write, record};

/// The time zone of account and user: wall times must be written in it.
const ZONE: &str = "Europe/Helsinki";

/// A record of the host app.
pub(super) struct Pushed {
    pub(super) write: &'static Write,
    id: String,
    start: String,
}

/// A connected user with some data at the partner, with every push kind switched on.
async fn fixture(known: &'static Known) -> PartnerFixture {
    let fixture = PartnerFixture::new(known, ZONE, 0).await;
    for resource in known.resources {
        fixture.append(resource, fixture.ago(TimeDelta::days(9)));
    }
    fixture.connect().await;
    let zone = json!({"time_zone": ZONE}).to_string();
    let (status, connection) =
        fixture.app().call(Method::PATCH, &fixture.path(), Some(&zone)).await;
    assert_eq!(status, 200, "{connection}");
    want_all(&fixture).await;
    fixture.sync_ok().await;
    fixture
}

/// Switches on every kind that the partner accepts; returns how many there are.
pub(super) async fn want_all(fixture: &PartnerFixture) -> usize {
    let kinds: BTreeMap<_, _> = fixture.known.writes.iter().map(|it| (it.kind, true)).collect();
    let choices = json!({"push": kinds}).to_string();
    let (status, connection) =
        fixture.app().call(Method::PATCH, &fixture.path(), Some(&choices)).await;
    assert_eq!(status, 200, "{connection}");
    connection["push"].as_object().unwrap().len()
}

/// Adds a record of each kind in one call, starting `hours` hours ago.
pub(super) async fn add(fixture: &PartnerFixture, name: &str, hours: i64) -> Vec<Pushed> {
    let start = fixture.ago(TimeDelta::hours(hours)).to_rfc3339();
    let records = fixture.known.writes.iter().map(|write| {
        let (mut new, _) = record(write.kind, false);
        new["app_id"] = json!(format!("{name}-{}", write.kind));
        new["start"] = json!(start);
        new
    });
    let body = json!({"records": records.collect::<Vec<_>>()}).to_string();
    let path = "/v1/users/ann/records";
    let (status, added) = fixture.app().call(Method::POST, path, Some(&body)).await;
    assert_eq!(status, 201, "{added}");
    let ids = added["records"].as_array().unwrap().iter();
    let ids = ids.map(|record| record["id"].as_str().unwrap().to_owned());
    let pushed = |(write, id)| Pushed { write, id, start: start.clone() };
    fixture.known.writes.iter().zip(ids).map(pushed).collect()
}

/// Returns the link of a record to the partner once its push has finished.
pub(super) async fn link(fixture: &PartnerFixture, pushed: &Pushed) -> Value {
    let path = format!("/v1/users/ann/records/{}", pushed.id);
    let waits = ["create", "update", "delete", "creating", "updating", "deleting"];
    let mut link = Value::Null;
    let ended = eventually(async || {
        link = fixture.app().get(&path).await["partners"][0].clone();
        link["state"].as_str().is_some_and(|state| !waits.contains(&state))
    });
    let timeline = async || fixture.app().timeline("ann").await;
    assert!(ended.await, "{}: {link} {:?}", pushed.write.kind, timeline().await);
    assert_eq!(link["partner"], fixture.known.name, "{link}");
    link
}

/// Counts the items of the resource that show the record's value.
pub(super) fn shown(fixture: &PartnerFixture, write: &Write, changed: bool) -> usize {
    let (place, factor) = write.shown;
    let expected = record(write.kind, changed).1 * factor;
    let number = |item: &Value| {
        let shown = item.pointer(place)?;
        shown.as_f64().or_else(|| shown.as_str()?.parse().ok())
    };
    let items = fixture.items(write.resource);
    let same = items.iter().filter_map(number).filter(|it| (it - expected).abs() < 0.000_1);
    same.count()
}

/// Everything that must stay unchanged once both sides agree.
async fn state(fixture: &PartnerFixture) -> (Value, Vec<Value>, Vec<Value>, Value) {
    let items: BTreeMap<_, _> = fixture
        .known
        .resources
        .iter()
        .map(|resource| (resource.name, fixture.items(resource.name)))
        .collect();
    let changes = fixture.app().changes().await;
    let writes = fixture.control.counts(fixture.known.name).unwrap().writes;
    (json!(items), fixture.records().await, changes, json!(writes))
}

async fn is_quiet(fixture: &PartnerFixture, after: &str) {
    let before = state(fixture).await;
    for _ in 0..3 {
        let sync = fixture.sync_ok().await;
        let did = ["created", "updated", "deleted"].map(|what| sync[what].as_u64().unwrap());
        assert_eq!(did, [0; 3], "after {after}: {sync}");
    }
    let now = state(fixture).await;
    assert_eq!(now.3, before.3, "after {after} something is written again");
    assert_eq!(now.0, before.0, "after {after} the partner has something else");
    assert_eq!(now.1, before.1, "after {after} there are other records");
    assert_eq!(now.2, before.2, "after {after} there are changes");
}

pub(super) async fn travels(known: &'static Known) {
    if known.writes.is_empty() {
        return takes_nothing(known).await;
    }
    let fixture = fixture(known).await;
    assert_eq!(
        json!(fixture.control.counts(known.name).unwrap().writes),
        json!({}),
        "its own data is not written back to it"
    );
    let sizes = || -> BTreeMap<_, _> {
        let size = |write: &'static Write| (write.resource, fixture.items(write.resource).len());
        known.writes.iter().map(size).collect()
    };
    let own = fixture.records().await;
    let before = sizes();

    let all = add(&fixture, "first", 26).await;
    for pushed in &all {
        let (link, kind) = (link(&fixture, pushed).await, pushed.write.kind);
        assert_eq!(link["state"], "in_step", "{kind}: {link}");
        assert!(link["external_id"].is_string() && link["pushed_at"].is_string(), "{link}");
        assert_eq!(
            shown(&fixture, pushed.write, false),
            1,
            "{kind} {:?}",
            fixture.items(pushed.write.resource)
        );
    }
    let here =
        |resource: &str| all.iter().filter(|pushed| pushed.write.resource == resource).count();
    for (resource, size) in sizes() {
        assert_eq!(size, before[resource] + here(resource), "{resource}");
    }
    is_quiet(&fixture, "the creations").await;
    let records = fixture.records().await;
    assert_eq!(records.len(), own.len() + all.len(), "{records:?}");

    for pushed in &all {
        let (kind, write) = (pushed.write.kind, pushed.write);
        let (mut changed, _) = record(kind, true);
        changed["start"] = json!(pushed.start);
        let path = format!("/v1/users/ann/records/{}", pushed.id);
        let (status, answer) =
            fixture.app().call(Method::PUT, &path, Some(&changed.to_string())).await;
        assert_eq!(status, 200, "{kind}: {answer}");
        let link = link(&fixture, pushed).await;
        if write.updates {
            assert_eq!(link["state"], "in_step", "{kind}: {link}");
        } else {
            refused(known, kind, &link);
        }
        assert_eq!(
            shown(&fixture, write, write.updates),
            1,
            "{kind}: {:?}",
            fixture.items(write.resource)
        );
        assert_eq!(
            sizes()[write.resource],
            before[write.resource] + here(write.resource),
            "{kind}"
        );
        is_quiet(&fixture, &format!("the change of {kind}")).await;
    }

    for pushed in &all {
        let (kind, write) = (pushed.write.kind, pushed.write);
        let size = sizes()[write.resource];
        let path = format!("/v1/users/ann/records/{}", pushed.id);
        let (status, answer) = fixture.app().call(Method::DELETE, &path, None).await;
        assert_eq!(status, 204, "{kind}: {answer}");
        if write.deletes {
            let gone = eventually(async || sizes()[write.resource] == size - 1).await;
            assert!(gone, "{kind}: {:?}", fixture.items(write.resource));
        } else {
            refused(known, kind, &link(&fixture, pushed).await);
            assert_eq!(sizes()[write.resource], size, "{kind}");
        }
        fixture.sync_ok().await;
        is_quiet(&fixture, &format!("the deletion of {kind}")).await;
    }
    assert_eq!(fixture.records().await.len(), own.len());
    for resource in known.resources {
        for item in fixture
            .items(resource.name)
            .iter()
            .filter_map(|it| (resource.source)(it, fixture.now()))
        {
            let deleted =
                known.writes.iter().any(|write| write.resource == resource.name && !write.deletes);
            assert!(deleted || !of_item(&own, &item).is_empty(), "{item} is left over");
        }
    }
}

fn refused(known: &Known, kind: &str, link: &Value) {
    assert_eq!(link["state"], "refused", "{kind}: {link}");
    let reason = link["reason"].as_str().unwrap();
    assert!(reason.contains(known.title), "{kind}: {reason}");
}

async fn takes_nothing(known: &'static Known) {
    let fixture = PartnerFixture::connected(known).await;
    assert_eq!(fixture.connection().await["push"], json!({}));
    let list = fixture.app().get("/v1/partners").await;
    assert_eq!(list["partners"][0]["push"], json!([]));
    let choices = r#"{"push":{"weight":true}}"#;
    let (status, problem) = fixture.app().call(Method::PATCH, &fixture.path(), Some(choices)).await;
    assert_eq!(status, 422, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("`weight` cannot be pushed"), "{problem}");
}

pub(super) async fn outlives_a_new_grant(known: &'static Known) {
    if known.writes.is_empty() {
        return;
    }
    let mut fixture = fixture(known).await;
    let all = add(&fixture, "first", 26).await;
    for pushed in &all {
        assert_eq!(link(&fixture, pushed).await["state"], "in_step", "{}", pushed.write.kind);
    }
    fixture.sync_ok().await;
    let before = state(&fixture).await;
    fixture.control.tokens(known.name, "ann", TokenAction::Revoke).unwrap();
    fixture.sync_until_reconnect().await;
    let missed = add(&fixture, "missed", 50).await;
    fixture.app().connect_account("ann", known.name, "ann").await;
    if fixture.is_stranger() {
        fixture.sync_ok().await;
        for pushed in &all {
            assert_eq!(shown(&fixture, pushed.write, false), 1, "{}", pushed.write.kind);
        }
        return is_quiet(&fixture, "the reconnect").await;
    }
    for pushed in &missed {
        assert_eq!(link(&fixture, pushed).await["state"], "in_step", "{}", pushed.write.kind);
    }
    for pushed in &all {
        assert_eq!(link(&fixture, pushed).await["state"], "in_step", "{}", pushed.write.kind);
        assert_eq!(
            shown(&fixture, pushed.write, false),
            2,
            "{}: the first and the missed one",
            pushed.write.kind
        );
    }
    fixture.control.advance(Duration::from_secs(60));
    is_quiet(&fixture, "the reconnect").await;
    let now = state(&fixture).await;
    assert_eq!(now.1.len(), before.1.len() + missed.len());
    assert_eq!(now.2.len(), before.2.len() + missed.len(), "what was there did not change");
}
