//! Google Health against its simulator, over HTTP.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are how a test fails")]

use std::sync::Arc;
use std::time::Duration;

use partner_google_health::{GoogleHealth, MANIFEST};
use partner_sandbox::{AccountChange, Control, Limit, Limits, Options, Sandbox};
use partner_sdk::chrono::{DateTime, Utc};
use partner_sdk::secrecy::SecretString;
use partner_sdk::serde_json::{Value, json};
use partner_sdk::{
    Action, Body, CallKind, Credentials, Cursor, Endpoints, Gate, LimitScope, Moment, Partner,
    PartnerError, Permit, PollRequest, PushRequest, Pushed, RecordData, RemoteRecord, RemoteRef,
    Session, Tz, async_trait, http_client,
};

/// 1 October 2026, noon UTC.
const START: i64 = 1_790_856_000;

const ZONE: Tz = Tz::Europe__Stockholm;

struct Open;

#[async_trait]
impl Gate for Open {
    async fn permit(&self, _: CallKind) -> Result<Permit, PartnerError> {
        Ok(Permit::new(|_| ()))
    }

    fn limited(&self, _: CallKind, _: LimitScope, _: Option<Duration>) {}
}

/// A connected user at the simulator.
struct User {
    sandbox: Sandbox,
    session: Session,
    name: &'static str,
}

impl User {
    fn new(name: &'static str, history_days: u32) -> Self {
        let options = Options {
            seed: 7,
            start: Some(START),
            accounts: 0,
            unlimited: true,
            ..Options::default()
        };
        let sandbox = Sandbox::start(options).unwrap();
        let change = AccountChange { history_days: Some(history_days), ..AccountChange::default() };
        sandbox.control().put_account("google_health", name, &change).unwrap();
        let urls = sandbox.urls("google_health");
        let endpoints = Endpoints {
            request_token_url: urls.request_token_url,
            authorize_url: urls.authorize_url,
            token_url: urls.token_url,
            revoke_url: urls.revoke_url,
            api_url: urls.api_url,
        };
        let credentials = Credentials {
            client_id: sandbox.client_id("google_health").to_owned(),
            client_secret: sandbox.client_secret("google_health").to_owned().into(),
            service_account: None,
        };
        let session = Session::new(
            http_client().unwrap(),
            Arc::new(Open),
            &MANIFEST,
            Arc::new(endpoints),
            Arc::new(credentials),
            Duration::from_secs(10),
        );
        let issued = sandbox.control().issue_tokens("google_health", name).unwrap();
        let session = session.with_access_token(SecretString::from(issued.access_token));
        Self { sandbox, session, name }
    }

    fn control(&self) -> Control {
        self.sandbox.control()
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.control().now(), 0).unwrap()
    }

    /// Returns how many calls of that path the simulator has counted.
    fn calls(&self, path: &str) -> u64 {
        let counts = self.control().counts("google_health").unwrap();
        counts.by_path.get(path).copied().unwrap_or_default()
    }

    fn items(&self, resource: &str) -> usize {
        let accounts = self.control().accounts("google_health").unwrap();
        let account = accounts.iter().find(|account| account.account == self.name).unwrap();
        account.items.get(resource).copied().unwrap_or_default()
    }

    /// Returns whether the simulator ignores the range for this account.
    async fn gets_exercises_of_any_time(&self) -> bool {
        let future = [("filter", "exercise.interval.civil_start_time >= \"2030-01-01\"")];
        let call = self.session.get("/v4/users/me/dataTypes/exercise/dataPoints").query(&future);
        call.fetch::<Value>().await.unwrap().get("dataPoints").is_some()
    }

    /// A whole sync of a feed.
    async fn poll(&self, feed: &str, cursor: Option<Cursor>) -> (Vec<RemoteRecord>, Cursor) {
        let mut request = PollRequest {
            feed: MANIFEST.feed(feed).unwrap(),
            cursor,
            page: None,
            backfill_from: self.now() - MANIFEST.backfill,
            now: self.now(),
            is_wide: false,
            time_zone: ZONE,
            delivered: Vec::new(),
        };
        let (mut records, began) = (Vec::new(), request.now);
        loop {
            let page = GoogleHealth.poll(&self.session, &request).await.unwrap();
            records.extend(page.records.into_iter().map(Result::unwrap));
            request.page = page.next_page;
            // Data that arrives while pages are read belongs to the next sync.
            request.now += Duration::from_secs(60);
            if request.page.is_none() {
                let cursor = page.cursor.unwrap();
                assert_eq!(cursor.decode::<DateTime<Utc>>().unwrap(), began);
                return (records, cursor);
            }
        }
    }

    fn request(&self, action: Action, record: &RecordData) -> PushRequest {
        PushRequest { action, record: record.clone(), time_zone: ZONE, now: self.now() }
    }

    async fn push(&self, action: Action, record: &RecordData) -> Result<Pushed, PartnerError> {
        GoogleHealth.push(&self.session, &self.request(action, record)).await
    }

    async fn write(&self, action: Action, record: &RecordData) -> RemoteRecord {
        match self.push(action, record).await.unwrap() {
            Pushed::There(remote) => *remote,
            Pushed::Gone => panic!("it is gone"),
        }
    }
}

fn record(start: &str, kind: &str, content: Value) -> RecordData {
    RecordData {
        start: Moment::exact(start.parse().unwrap()),
        end: None,
        body: Body::from_json(kind, &content).unwrap(),
    }
}

fn weight(start: &str, kilograms: f64) -> RecordData {
    record(start, "measurement", json!({"type": "weight", "value": kilograms, "unit": "kg"}))
}

/// A record of each kind as created and as changed, with its feed.
fn cases() -> Vec<(&'static str, RecordData, RecordData)> {
    let height = |value| json!({"type": "height", "value": value, "unit": "cm"});
    let fat = |value| json!({"type": "body_fat", "value": value, "unit": "%"});
    let ride = |energy| {
        json!({
            "activity": "cycling", "activity_original": "Evening ride", "duration_s": 3391.62,
            "energy_kcal": energy, "distance_m": 21417.08, "avg_heart_rate": 131,
        })
    };
    let meal = |energy| {
        json!({
            "meal": "lunch", "name": "Soup", "energy_kcal": energy, "carbohydrate_g": 20.5, "fat_g": 3,
            "protein_g": 9.25, "fiber_g": 2, "sodium_mg": 812.5,
        })
    };
    let pair =
        |start, kind, first, second| (record(start, kind, first), record(start, kind, second));
    [
        (
            "weight",
            (
                weight("2026-10-01T07:40:12.25+02:00", 72.5125),
                weight("2026-10-01T07:41:00+02:00", 72.4),
            ),
        ),
        ("body_fat", pair("2026-10-01T07:40:12+02:00", "measurement", fat(18.25), fat(18.3))),
        ("height", pair("2026-09-30T21:00:00-05:00", "measurement", height(178.5), height(179.0))),
        ("exercise", pair("2026-09-30T18:00:00+05:30", "exercise", ride(602.4), ride(610.0))),
        ("nutrition_log", pair("2026-10-01T12:00:00+02:00", "nutrition", meal(310.5), meal(320.0))),
    ]
    .into_iter()
    .map(|(feed, (first, second))| (feed, first, second))
    .collect()
}

fn remote_ref(remote: &RemoteRecord) -> RemoteRef {
    RemoteRef { source_id: remote.source_id.clone(), group: remote.group.clone() }
}

#[tokio::test]
async fn the_whole_history_is_read_and_a_later_sync_reads_the_last_days_of_it() {
    let mut ignoring = 0;
    for name in ["ann", "bob", "cid", "dora"] {
        let user = User::new(name, 120);
        ignoring += usize::from(user.gets_exercises_of_any_time().await);
        for (feed, resource) in [
            ("weight", "weight"),
            ("body_fat", "body-fat"),
            ("height", "height"),
            ("exercise", "exercise"),
            ("nutrition_log", "nutrition-log"),
        ] {
            let path = format!("/v4/users/me/dataTypes/{resource}/dataPoints");
            let before = user.calls(&path);
            let (records, cursor) = user.poll(feed, None).await;
            let first = user.calls(&path) - before;
            assert_eq!(records.len(), user.items(resource), "{name} {feed}");
            let (again, _) = user.poll(feed, Some(cursor)).await;
            let since = user.now() - MANIFEST.feed(feed).unwrap().trailing;
            let recent = records.iter().filter(|record| record.start.at >= since);
            assert_eq!(
                again.iter().collect::<Vec<_>>(),
                recent.collect::<Vec<_>>(),
                "{name} {feed}"
            );
            // Even where the range is ignored, reading ends soon after it.
            let second = user.calls(&path) - before - first;
            assert!(feed != "exercise" || second < first, "{name}: {second} calls after {first}");
        }
    }
    assert!((1..4).contains(&ignoring), "of 4 accounts {ignoring}");
}

#[tokio::test]
async fn what_is_written_comes_back_as_the_push_returned_it() {
    let user = User::new("ann", 0);
    for (feed, made, changed) in cases() {
        let written = user.write(Action::Create, &made).await;
        assert_eq!((written.start, &written.body.kind()), (made.start, &made.body.kind()));
        let (polled, _) = user.poll(feed, None).await;
        assert_eq!(polled, std::slice::from_ref(&written), "{feed}");
        let find_existing =
            GoogleHealth.find_existing(&user.session, &user.request(Action::Create, &made)).await;
        assert_eq!(find_existing.unwrap(), std::slice::from_ref(&written), "{feed}");

        user.control().advance(Duration::from_secs(90));
        let update = Action::Update(remote_ref(&written));
        if feed == "nutrition_log" {
            // The manifest says that it is replaced.
            assert!(matches!(user.push(update, &changed).await, Err(PartnerError::Rejected(_))));
        } else {
            let updated = user.write(update, &changed).await;
            assert_eq!(updated.source_id, written.source_id);
            assert_ne!(updated.body, written.body, "{feed}");
            assert_eq!(user.poll(feed, None).await.0, [updated], "{feed}");
        }

        let delete = || Action::Delete(remote_ref(&written));
        assert_eq!(user.push(delete(), &made).await, Ok(Pushed::Gone));
        assert_eq!(user.poll(feed, None).await.0, [], "{feed}");
        assert_eq!(user.push(delete(), &made).await, Ok(Pushed::Gone), "it is gone already");
        let update = Action::Update(remote_ref(&written));
        assert_eq!(user.push(update, &changed).await, Ok(Pushed::Gone), "{feed}");
    }
}

#[tokio::test]
async fn several_deletions_take_one_call_and_a_bad_one_does_not_fail_the_others() {
    let path = "/v4/users/me/dataTypes/weight/dataPoints:batchDelete";
    let user = User::new("ann", 0);
    let mut own = Vec::new();
    for day in 1..=3 {
        let record = weight(&format!("2026-09-0{day}T06:00:00Z"), 70.0);
        own.push((user.write(Action::Create, &record).await, record));
    }
    let delete = |remote: &RemoteRecord, record: &RecordData| {
        user.request(Action::Delete(remote_ref(remote)), record)
    };
    let requests: Vec<_> = own.iter().map(|(remote, record)| delete(remote, record)).collect();
    let outcomes = GoogleHealth.push_batch(&user.session, &requests).await;
    assert_eq!(outcomes, [Ok(Pushed::Gone), Ok(Pushed::Gone), Ok(Pushed::Gone)]);
    assert_eq!((user.calls(path), user.items("weight")), (1, 0));

    user.control().generate("google_health", "ann", "weight", 1, 3).unwrap();
    let foreign = user.poll("weight", None).await.0.remove(0);
    let (mut requests, record) = (requests, weight("2026-09-04T06:00:00Z", 70.0));
    requests.truncate(1);
    let last = user.write(Action::Create, &record).await;
    requests.extend([delete(&foreign, &record), delete(&last, &record)]);
    let outcomes = GoogleHealth.push_batch(&user.session, &requests).await;
    assert!(
        matches!(
            outcomes.as_slice(),
            [Ok(Pushed::Gone), Err(PartnerError::Rejected(_)), Ok(Pushed::Gone)]
        ),
        "{outcomes:?}"
    );
    assert_eq!(user.poll("weight", None).await.0, std::slice::from_ref(&foreign));
    let update = Action::Update(remote_ref(&foreign));
    assert!(matches!(user.push(update, &record).await, Err(PartnerError::Rejected(_))));
}

#[tokio::test]
async fn the_user_s_id_and_what_refusals_mean() {
    let user = User::new("ann", 1);
    let id = GoogleHealth.external_user_id(&user.session, &Value::Null).await.unwrap();
    assert_eq!(id, user.control().accounts("google_health").unwrap()[0].user_id.to_string());

    let limit = Some(Limit { calls: 0, seconds: 60 });
    let poll = async || {
        let request = user.request(Action::Create, &weight("2026-10-01T06:00:00Z", 70.0));
        GoogleHealth.find_existing(&user.session, &request).await.unwrap_err()
    };
    for (limits, expected) in [
        (Limits { account: limit, ..Limits::none() }, LimitScope::Connection),
        (Limits { app: limit, ..Limits::none() }, LimitScope::App),
    ] {
        user.control().set_limits("google_health", limits).unwrap();
        let limited = PartnerError::RateLimited { scope: expected, wait: None };
        assert_eq!(poll().await, limited);
    }
    user.control().set_limits("google_health", Limits::none()).unwrap();
    let revoke = partner_sandbox::TokenAction::Revoke;
    user.control().tokens("google_health", "ann", revoke).unwrap();
    assert!(matches!(poll().await, PartnerError::Unauthorized(_)));
}
