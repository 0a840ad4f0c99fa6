//! FatSecret against its simulator, over HTTP.

#![cfg(test)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use partner_fatsecret::{FatSecret, MANIFEST};
use partner_sandbox::{AccountChange, Control, Options, Sandbox, TokenAction};
use partner_sdk::chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::serde_json::json;
use partner_sdk::{
    AccessToken, Action, Body, CallKind, Credentials, Cursor, Endpoints, Gate, Kind, LimitScope,
    Measurement, MeasurementType, Moment, Partner, PartnerError, Permit, PollRequest, PushRequest,
    Pushed, RecordData, RemoteRecord, RemoteRef, Session, TimeBasis, Timestamps, Tz, async_trait,
    http_client,
};
use tokio::net::{TcpListener, TcpStream};

/// 4 March 2026, noon UTC.
const START: i64 = 1_772_625_600;
const ZONE: Tz = Tz::Europe__Helsinki;
const TODAY: i64 = START / 86_400;

struct Open;

#[async_trait]
impl Gate for Open {
    async fn permit(&self, _: CallKind) -> Result<Permit, PartnerError> {
        Ok(Permit::new(|_| ()))
    }

    fn limited(&self, _: CallKind, _: LimitScope, _: Option<Duration>) {}
}

/// A user connected to an account of the sandbox.
struct User {
    session: Session,
    control: Control,
    /// Advances with every reading, as it would in a busy daemon.
    clock: Arc<AtomicI64>,
    cursors: BTreeMap<&'static str, Cursor>,
}

/// What a sync brought.
#[derive(Debug, Default)]
struct Synced {
    records: BTreeMap<String, RemoteRecord>,
    deleted: Vec<String>,
    refused: usize,
    calls: u64,
}

/// Starts a proxy to the sandbox that delays each connection differently, so that calls do not
/// arrive in the order in which they were sent.
async fn delaying_proxy(sandbox: &Sandbox) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (here, there) = (listener.local_addr().unwrap(), sandbox.url());
    let there = there.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        for number in 0_u64.. {
            let (mut near, _) = listener.accept().await.unwrap();
            let there = there.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(number * 37 % 100)).await;
                let mut far = TcpStream::connect(there).await.unwrap();
                tokio::io::copy_bidirectional(&mut near, &mut far).await
            });
        }
    });
    format!("http://{here}/fatsecret")
}

impl User {
    fn new(sandbox: &Sandbox) -> Self {
        let api_url = sandbox.urls("fatsecret").api_url;
        Self::at(sandbox, api_url)
    }

    fn at(sandbox: &Sandbox, api_url: String) -> Self {
        let urls = sandbox.urls("fatsecret");
        let endpoints = Endpoints {
            authorize_url: urls.authorize_url,
            request_token_url: urls.request_token_url,
            token_url: urls.token_url,
            revoke_url: None,
            api_url,
        };
        let credentials = Credentials {
            client_id: sandbox.client_id("fatsecret").to_owned(),
            client_secret: sandbox.client_secret("fatsecret").into(),
            service_account: None,
        };
        let clock = Arc::new(AtomicI64::new(START));
        let shown = Arc::clone(&clock);
        let tick = move || {
            DateTime::from_timestamp(shown.fetch_add(1, Ordering::Relaxed), 0).unwrap_or_default()
        };
        let issued = sandbox.control().issue_tokens("fatsecret", "ann").unwrap();
        let token =
            AccessToken::signed(issued.access_token.into(), issued.token_secret.unwrap().into());
        let session = Session::new(
            http_client().unwrap(),
            Arc::new(Open),
            &MANIFEST,
            Arc::new(endpoints),
            Arc::new(credentials),
            Duration::from_secs(10),
        )
        .with_timestamps(Arc::new(Timestamps::new(tick)))
        .with_access_token(token);
        Self { session, control: sandbox.control(), clock, cursors: BTreeMap::new() }
    }

    fn now(hours: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(START, 0).unwrap() + TimeDelta::hours(hours)
    }

    /// Syncs a feed to its end, `hours` hours after the start.
    async fn sync(&mut self, feed: &'static str, hours: i64) -> Synced {
        let before = self.control.counts("fatsecret").unwrap().calls;
        let (mut synced, mut page) = (Synced::default(), None);
        loop {
            let request = PollRequest {
                feed: MANIFEST.feed(feed).unwrap(),
                cursor: self.cursors.get(feed).cloned(),
                page,
                backfill_from: Self::now(hours) - TimeDelta::days(90),
                now: Self::now(hours),
                is_wide: false,
                time_zone: ZONE,
                delivered: Vec::new(),
            };
            let read = FatSecret.poll(&self.session, &request).await.unwrap();
            for record in read.records {
                match record {
                    Ok(record) => drop(synced.records.insert(record.source_id.clone(), record)),
                    Err(_) => synced.refused += 1,
                }
            }
            synced.deleted.extend(read.deleted);
            if let Some(cursor) = read.cursor {
                self.cursors.insert(feed, cursor);
            }
            page = read.next_page;
            if page.is_none() {
                break;
            }
        }
        synced.calls = self.control.counts("fatsecret").unwrap().calls - before;
        synced
    }

    async fn push(
        &self,
        action: Action,
        day: i64,
        kilograms: &str,
    ) -> Result<Pushed, PartnerError> {
        FatSecret.push(&self.session, &Self::request(action, day, kilograms)).await
    }

    /// A weight from the evening of a day.
    fn request(action: Action, day: i64, kilograms: &str) -> PushRequest {
        let at = DateTime::from_timestamp(day * 86_400 + 19 * 3_600, 0).unwrap();
        let value = kilograms.parse().unwrap();
        let body = Body::Measurement(Measurement { r#type: MeasurementType::Weight, value });
        let start = Moment::exact(at.with_timezone(&ZONE).fixed_offset());
        let record = RecordData { start, end: None, body };
        PushRequest { action, record, time_zone: ZONE, now: Self::now(0) }
    }
}

fn sandbox(history_days: u32) -> Sandbox {
    let options =
        Options { start: Some(START), accounts: 0, unlimited: true, ..Options::default() };
    let sandbox = Sandbox::start(options).unwrap();
    let change = AccountChange {
        time_zone: Some(ZONE.name().to_owned()),
        history_days: Some(history_days),
        empty: false,
    };
    sandbox.control().put_account("fatsecret", "ann", &change).unwrap();
    sandbox
}

fn entry(day: i64, name: &str) -> partner_sdk::serde_json::Value {
    json!({"food_entry_name": name, "date_int": day.to_string(), "meal": "Lunch", "calories": "120",
           "carbohydrate": "1.5", "protein": "2.25", "fat": "0"})
}

fn there(pushed: Pushed) -> RemoteRecord {
    match pushed {
        Pushed::There(remote) => *remote,
        Pushed::Gone => panic!("it is not there"),
    }
}

#[tokio::test]
async fn a_whole_history_is_read_once_and_then_one_call_a_feed_tells_that_nothing_is_new() {
    let sandbox = sandbox(60);
    let mut user = User::new(&sandbox);
    let items = sandbox.control().accounts("fatsecret").unwrap()[0].items.clone();
    for (feed, resource) in [("diary", "food_entries"), ("weight", "weights")] {
        let first = user.sync(feed, 0).await;
        assert_eq!(first.refused, 0);
        let planned = items[resource] - first.records.len();
        assert!(
            first.records.len() > 15 && planned <= 1,
            "{feed}: {} of {items:?}",
            first.records.len()
        );
        let days = first.records.values().map(|it| it.start.at.date_naive());
        assert!(days.min().unwrap() < User::now(-24 * 50).date_naive());
        let again = user.sync(feed, 1).await;
        assert_eq!(again.calls, 1, "{feed}");
        assert!(feed == "weight" || again.records.is_empty(), "{again:?}");
        let thorough = user.sync(feed, 7).await;
        assert!((2..=5).contains(&thorough.calls), "{feed}: {thorough:?}");
        assert!(thorough.records.iter().all(|(id, record)| first.records.get(id) == Some(record)));
    }
}

#[tokio::test]
async fn what_is_added_corrected_and_deleted_in_the_diary_is_seen() {
    let sandbox = sandbox(0);
    let (mut user, control) = (User::new(&sandbox), sandbox.control());
    let add = |entries| control.append("fatsecret", "ann", "food_entries", entries).unwrap();
    let ids = add(vec![
        entry(TODAY - 20, "Soup & Bread"),
        entry(TODAY - 20, "Tea"),
        entry(TODAY, "Rice"),
    ]);
    assert_eq!(user.sync("diary", 0).await.records.len(), 3);
    control.edit("fatsecret", "ann", "food_entries", ids[0], &json!({"calories": "90"})).unwrap();
    assert!(user.sync("diary", 1).await.records.is_empty(), "the month before is asked for later");
    let thorough = user.sync("diary", 7).await;
    let names: Vec<_> = thorough.records.keys().cloned().collect();
    let expected: Vec<_> = ids.iter().map(|id| format!("food_entry:{id}")).collect();
    assert_eq!(names, expected, "the day that changed, and today");
    control.delete("fatsecret", "ann", "food_entries", ids[1]).unwrap();
    let one_left = user.sync("diary", 14).await;
    assert!(
        one_left.records.contains_key(&expected[0]) && !one_left.records.contains_key(&expected[1])
    );
    assert_eq!(one_left.records[&expected[0]].group, Some(format!("diary:{}", TODAY - 20)));
    control.delete("fatsecret", "ann", "food_entries", ids[2]).unwrap();
    let empty_day = user.sync("diary", 15).await;
    assert_eq!(empty_day.deleted, [format!("diary:{TODAY}")]);
    add(vec![entry(TODAY + 4, "Planned")]);
    assert!(user.sync("diary", 16).await.records.is_empty());
    let eaten = user.sync("diary", 16 + 4 * 24).await;
    assert_eq!(eaten.records.len(), 1, "{eaten:?}");
}

#[tokio::test]
async fn a_name_that_changes_without_the_sums_is_seen_within_hours() {
    let sandbox = sandbox(0);
    let (mut user, control) = (User::new(&sandbox), sandbox.control());
    let day = vec![entry(TODAY - 1, "Soup")];
    let ids = control.append("fatsecret", "ann", "food_entries", day).unwrap();
    user.sync("diary", 0).await;
    let patch = json!({"food_entry_name": "Stew"});
    control.edit("fatsecret", "ann", "food_entries", ids[0], &patch).unwrap();
    assert!(user.sync("diary", 1).await.records.is_empty());
    let thorough = user.sync("diary", 7).await;
    let Some(Body::Nutrition(nutrition)) = thorough.records.values().next().map(|it| &it.body)
    else {
        panic!("{thorough:?}");
    };
    assert_eq!(nutrition.name.as_deref(), Some("Stew"));
}

#[tokio::test]
async fn a_weight_that_was_written_is_polled_as_the_push_said() {
    let sandbox = sandbox(0);
    let (mut user, control) = (User::new(&sandbox), sandbox.control());
    let refused = user.push(Action::Create, TODAY, "80").await;
    assert!(
        matches!(&refused, Err(PartnerError::Rejected(why)) if why.contains("first weight")),
        "{refused:?}"
    );
    let first = json!({"date_int": (TODAY - 9).to_string(), "weight_kg": "81.000"});
    control.append("fatsecret", "ann", "weights", vec![first]).unwrap();
    let created = there(user.push(Action::Create, TODAY, "80.12345").await.unwrap());
    assert_eq!(created.start.basis, TimeBasis::Local);
    let polled = user.sync("weight", 0).await;
    assert_eq!(polled.records.get(&created.source_id), Some(&created));
    let again = there(user.push(Action::Create, TODAY, "80.12345").await.unwrap());
    assert_eq!(again, created, "writing it once more changes nothing");
    let found =
        FatSecret.find_existing(&user.session, &User::request(Action::Create, TODAY, "1")).await;
    assert_eq!(found.unwrap(), std::slice::from_ref(&created));
    let remote_ref =
        || RemoteRef { source_id: created.source_id.clone(), group: created.group.clone() };
    let updated = there(user.push(Action::Update(remote_ref()), TODAY, "79.5").await.unwrap());
    assert_eq!(user.sync("weight", 1).await.records.get(&created.source_id), Some(&updated));
    let moved = user.push(Action::Update(remote_ref()), TODAY - 1, "79.5").await;
    assert!(matches!(moved, Err(PartnerError::Rejected(_))), "{moved:?}");
    let other = user.push(Action::Create, TODAY - 9, "80.9").await;
    let why = "FatSecret keeps one weight a day and has another of that day";
    assert_eq!(other, Err(PartnerError::Rejected(why.into())));
    control.delete("fatsecret", "ann", "weights", TODAY).unwrap();
    let gone = user.push(Action::Update(remote_ref()), TODAY, "79.4").await.unwrap();
    assert_eq!(gone, Pushed::Gone);
    let deleted = user.sync("weight", 2).await;
    assert!(deleted.records.is_empty() && deleted.deleted == ["weights:2026-03"], "{deleted:?}");
    let future = user.push(Action::Create, TODAY + 9, "79").await;
    assert!(matches!(future, Err(PartnerError::Rejected(_))), "{future:?}");
    assert_eq!(MANIFEST.push_kinds(), [Kind::Measurement(MeasurementType::Weight)]);
}

#[tokio::test]
async fn concurrent_calls_do_not_overtake_each_others_timestamps() {
    let sandbox = sandbox(0);
    let user = User::at(&sandbox, delaying_proxy(&sandbox).await);
    let calls = (0..60).map(|number| {
        let session = user.session.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(number % 7)).await;
            let call = session.get("/rest/weight/month/v2").query(&[("format", "json")]);
            call.send().await.map(drop)
        }
    });
    let calls: Vec<_> = calls.map(tokio::spawn).collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), Ok(()));
    }
    assert!(user.clock.load(Ordering::Relaxed) > START + 10, "time went on meanwhile");
}

#[tokio::test]
async fn a_revoked_grant_is_distinguished_from_a_wrong_clock() {
    let sandbox = sandbox(0);
    let user = User::new(&sandbox);
    let read = || user.session.get("/rest/weight/month/v2").query(&[("format", "json")]).send();
    read().await.unwrap();
    sandbox.control().tokens("fatsecret", "ann", TokenAction::Revoke).unwrap();
    assert!(matches!(read().await, Err(PartnerError::Unauthorized(_))));
    let behind = Timestamps::new(|| DateTime::from_timestamp(START - 60, 0).unwrap_or_default());
    let session = user.session.with_timestamps(Arc::new(behind));
    let call = session.get("/rest/weight/month/v2").query(&[("format", "json")]).send().await;
    assert!(matches!(call, Err(PartnerError::Transient(_))));
}
