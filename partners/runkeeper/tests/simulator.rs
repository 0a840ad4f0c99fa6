//! RunKeeper against its simulator, over HTTP.

#![cfg(test)]

use std::collections::BTreeMap;
use std::time::Duration;

use partner_runkeeper::{MANIFEST, RunKeeper};
use partner_sandbox::{AccountChange, Control, Options, Sandbox};
use partner_sdk::chrono::{DateTime, Utc};
use partner_sdk::serde_json::{Value, json};
use partner_sdk::{
    Action, Body, Credentials, Cursor, Endpoints, Moment, Partner, PartnerError, PollRequest,
    PushRequest, Pushed, RecordData, RemoteRecord, RemoteRef, Session, Tz, testkit,
};

/// 1 October 2026, noon UTC.
const START: i64 = 1_790_856_000;

const ZONE: Tz = Tz::Asia__Kolkata;

const NAME: &str = "ann";

/// A connected user at the simulator.
struct User {
    sandbox: Sandbox,
    session: Session,
}

/// What a sync of a feed returned.
#[derive(Debug, Default)]
struct Synced {
    records: BTreeMap<String, RemoteRecord>,
    deleted: Vec<String>,
    cursor: Option<Cursor>,
}

impl User {
    fn new(history_days: u32) -> Self {
        let options = Options {
            seed: 7,
            start: Some(START),
            accounts: 0,
            unlimited: true,
            ..Options::default()
        };
        let sandbox = Sandbox::start(options).unwrap();
        let change = AccountChange {
            history_days: Some(history_days),
            empty: history_days == 0,
            time_zone: Some(ZONE.name().to_owned()),
        };
        sandbox.control().put_account("runkeeper", NAME, &change).unwrap();
        let urls = sandbox.urls("runkeeper");
        let endpoints = Endpoints {
            request_token_url: urls.request_token_url,
            authorize_url: urls.authorize_url,
            token_url: urls.token_url,
            revoke_url: urls.revoke_url,
            api_url: urls.api_url,
        };
        let credentials = Credentials {
            client_id: sandbox.client_id("runkeeper").to_owned(),
            client_secret: sandbox.client_secret("runkeeper").to_owned().into(),
            service_account: None,
        };
        let token = sandbox.control().issue_tokens("runkeeper", NAME).unwrap().access_token;
        let session = testkit::session(&MANIFEST, endpoints, credentials, &token).unwrap();
        Self { sandbox, session }
    }

    fn control(&self) -> Control {
        self.sandbox.control()
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.control().now(), 0).unwrap()
    }

    async fn sync(&self, feed: &str, cursor: Option<Cursor>) -> Synced {
        let feed = MANIFEST.feed(feed).unwrap();
        let (mut synced, mut page) = (Synced::default(), None);
        loop {
            let request = PollRequest {
                feed,
                cursor: cursor.clone(),
                page,
                backfill_from: DateTime::UNIX_EPOCH,
                now: self.now(),
                is_wide: false,
                time_zone: ZONE,
                delivered: Vec::new(),
            };
            let read = RunKeeper.poll(&self.session, &request).await.unwrap();
            for record in read.records {
                let record = record.unwrap();
                synced.records.insert(record.source_id.clone(), record);
            }
            synced.deleted.extend(read.deleted);
            synced.cursor = synced.cursor.or(read.cursor);
            page = read.next_page;
            if page.is_none() {
                return synced;
            }
        }
    }

    /// Adds a raw item; returns its address.
    fn append(&self, resource: &str, item: Value) -> String {
        let ids = self.control().append("runkeeper", NAME, resource, vec![item]).unwrap();
        format!("/{resource}/{}", ids[0])
    }

    fn request(&self, action: Action, record: &RecordData) -> PushRequest {
        PushRequest { action, record: record.clone(), time_zone: ZONE, now: self.now() }
    }

    async fn push(&self, action: Action, record: &RecordData) -> Result<Pushed, PartnerError> {
        RunKeeper.push(&self.session, &self.request(action, record)).await
    }

    /// Writes a record that must exist afterwards.
    async fn there(&self, action: Action, record: &RecordData) -> RemoteRecord {
        let Pushed::There(remote) = self.push(action, record).await.unwrap() else {
            panic!("it is gone");
        };
        *remote
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        let calls = self.control().counts("runkeeper").unwrap().by_path;
        self.control().reset_counts("runkeeper").unwrap();
        calls
    }
}

fn data(start: &str, kind: &str, content: &Value) -> RecordData {
    let start = Moment::exact(DateTime::parse_from_rfc3339(start).unwrap());
    RecordData { start, end: None, body: Body::from_json(kind, content).unwrap() }
}

fn weight(start: &str, value: f64) -> RecordData {
    data(start, "measurement", &json!({"type": "weight", "value": value}))
}

fn remote_ref(remote: &RemoteRecord) -> RemoteRef {
    RemoteRef { source_id: remote.source_id.clone(), group: remote.group.clone() }
}

#[tokio::test]
async fn a_history_is_read_to_its_end_and_then_costs_one_call_a_feed() {
    let user = User::new(90);
    let sizes = &user.control().accounts("runkeeper").unwrap()[0].items;
    for (feed, resource) in [
        ("weight", "weight"),
        ("fitness_activities", "fitnessActivities"),
        ("nutrition", "nutrition"),
    ] {
        let synced = user.sync(feed, None).await;
        let items: std::collections::BTreeSet<_> = synced
            .records
            .values()
            .map(|record| record.group.as_ref().unwrap_or(&record.source_id))
            .collect();
        // One that is still running and one of zero duration may be among the activities.
        let unread = sizes[resource] - items.len();
        assert!(unread <= if feed == "fitness_activities" { 2 } else { 0 }, "{feed}: {unread}");

        user.control().advance(Duration::from_secs(8 * 86_400));
        let first = user.sync(feed, synced.cursor).await;
        user.calls();
        user.control().advance(Duration::from_secs(2 * 86_400));
        let again = user.sync(feed, first.cursor).await;
        assert!(again.records.is_empty() && again.deleted.is_empty(), "{feed}: {again:?}");
        assert_eq!(user.calls(), BTreeMap::from([("/changeLog".to_owned(), 1)]), "{feed}");
    }
}

#[tokio::test]
async fn what_is_edited_added_late_or_deleted_at_the_partner_comes() {
    let user = User::new(0);
    let item = |day: u32, weight: f64| json!({"timestamp": format!("Tue, {day} Sep 2026 07:00:00"), "weight": weight, "bmi": 22});
    let (kept, edited, gone) = (
        user.append("weight", item(1, 70.1)),
        user.append("weight", item(8, 70.2)),
        user.append("weight", item(15, 70.3)),
    );
    user.control().advance(Duration::from_secs(2 * 86_400));
    let first = user.sync("weight", None).await;
    assert_eq!((first.records.len(), first.deleted.len()), (6, 0));

    user.control().advance(Duration::from_secs(30 * 86_400));
    let number = |uri: &str| uri.rsplit('/').next().unwrap().parse().unwrap();
    let control = user.control();
    control.edit("runkeeper", NAME, "weight", number(&edited), &json!({"weight": 71})).unwrap();
    control.delete("runkeeper", NAME, "weight", number(&gone)).unwrap();
    let late = user.append("weight", item(2, 69.9));
    let second = user.sync("weight", first.cursor).await;
    let ids: Vec<_> = second.records.keys().filter(|id| id.ends_with(":weight")).collect();
    assert_eq!(ids, [&format!("{edited}:weight"), &format!("{late}:weight")]);
    assert!(!second.records.keys().any(|id| id.starts_with(&kept)));
    assert_eq!(second.deleted, [gone]);
}

#[tokio::test]
async fn an_activity_that_goes_on_comes_when_it_has_ended() {
    let user = User::new(0);
    let live = json!({"type": "Running", "start_time": "Thu, 1 Oct 2026 17:00:00", "duration": 60, "is_live": true});
    let uri = user.append("fitnessActivities", live);
    let first = user.sync("fitness_activities", None).await;
    assert!(first.records.is_empty());
    user.control().advance(Duration::from_secs(3 * 86_400));
    let second = user.sync("fitness_activities", first.cursor).await;
    assert!(second.records.is_empty());
    let id = uri.rsplit('/').next().unwrap().parse().unwrap();
    let ended = json!({"is_live": false, "duration": 1800});
    user.control().edit("runkeeper", NAME, "fitnessActivities", id, &ended).unwrap();
    let third = user.sync("fitness_activities", second.cursor).await;
    assert_eq!(third.records.keys().collect::<Vec<_>>(), [&uri]);
}

#[tokio::test]
async fn what_was_written_is_polled_as_the_push_gave_it() {
    let exercise = |activity: &str, energy: u32| {
        let content = json!({"activity": activity, "activity_original": "theirs", "duration_s": 1800.25, "energy_kcal": energy,
            "distance_m": 5012.5, "steps": 6000, "avg_heart_rate": 144});
        data("2026-09-30T19:00:00-07:00", "exercise", &content)
    };
    let meal = |energy: f64| {
        let content = json!({"meal": "dinner", "name": "Soup", "energy_kcal": energy, "fat_g": 0, "water_ml": 250});
        data("2026-09-30T20:10:11Z", "nutrition", &content)
    };
    let fat = |value: f64| {
        data(
            "2026-09-30T21:00:00+02:00",
            "measurement",
            &json!({"type": "body_fat", "value": value}),
        )
    };
    for (feed, made, changed) in [
        ("weight", weight("2026-09-30T06:30:15.5Z", 70.85), weight("2026-09-29T23:30:15Z", 71.25)),
        ("weight", fat(21.75), fat(20.5)),
        ("fitness_activities", exercise("trail_running", 480), exercise("tennis", 500)),
        ("nutrition", meal(512.5), meal(498.0)),
    ] {
        let user = User::new(0);
        let cursor = user.sync(feed, None).await.cursor;
        let created = user.there(Action::Create, &made).await;
        let find_existing =
            RunKeeper.find_existing(&user.session, &user.request(Action::Create, &made)).await;
        assert_eq!(find_existing.unwrap(), std::slice::from_ref(&created), "{feed}");
        let polled = user.sync(feed, cursor.clone()).await;
        assert_eq!(polled.records.values().collect::<Vec<_>>(), [&created], "{feed}");

        let there = remote_ref(&created);
        let updated = user.there(Action::Update(there.clone()), &changed).await;
        assert_eq!(updated.source_id, created.source_id);
        assert_ne!(updated, created);
        let polled = user.sync(feed, cursor.clone()).await;
        assert_eq!(polled.records.values().collect::<Vec<_>>(), [&updated], "{feed}");

        for _ in 0..2 {
            let deleted = user.push(Action::Delete(there.clone()), &changed).await;
            assert_eq!(deleted, Ok(Pushed::Gone));
        }
        assert_eq!(user.push(Action::Update(there.clone()), &made).await, Ok(Pushed::Gone));
        let polled = user.sync(feed, cursor).await;
        assert!(polled.records.is_empty(), "{feed}");
        assert_eq!(polled.deleted, [there.group.unwrap_or(there.source_id)], "{feed}");
    }
}

#[tokio::test]
async fn one_value_of_a_set_is_changed_and_taken_out_without_the_others() {
    let user = User::new(0);
    let set = user.append(
        "weight",
        json!({"timestamp": "Wed, 30 Sep 2026 07:00:00", "weight": 70.1, "fat_percent": 20.5, "mass_weight": 14.4, "source": "Café"}),
    );
    let before = user.sync("weight", None).await.records;
    let there = |name: &str| remote_ref(&before[&format!("{set}:{name}")]);
    let changed = weight("2026-09-30T07:00:00+05:30", 69.9);
    user.there(Action::Update(there("weight")), &changed).await;
    let after = user.sync("weight", None).await.records;
    assert_eq!(after.len(), 3);
    for name in ["body_fat", "fat_mass"] {
        let id = format!("{set}:{name}");
        assert_eq!(after[&id], before[&id]);
    }

    for _ in 0..2 {
        let taken = user.push(Action::Delete(there("weight")), &changed).await;
        assert_eq!(taken, Ok(Pushed::Gone));
        let left = user.sync("weight", None).await;
        let ids: Vec<_> = left.records.keys().cloned().collect();
        assert_eq!(ids, [format!("{set}:body_fat"), format!("{set}:fat_mass")]);
        assert!(left.deleted.is_empty());
    }
}

#[tokio::test]
async fn notes_and_the_pulse_of_an_activity_outlive_a_change() {
    let user = User::new(0);
    let uri = user.append(
        "fitnessActivities",
        json!({"type": "Running", "start_time": "Wed, 30 Sep 2026 07:00:00", "utc_offset": 2, "duration": 600, "total_calories": 90,
            "notes": "Schön 🏃", "average_heart_rate": 131, "path": [{"timestamp": 0, "latitude": 1.5, "longitude": 2.5}]}),
    );
    let polled = user.sync("fitness_activities", None).await.records.remove(&uri).unwrap();
    let Body::Exercise(mut exercise) = polled.body.clone() else { panic!("an exercise") };
    exercise.energy_kcal = Some(95.into());
    let data = RecordData { start: polled.start, end: None, body: Body::Exercise(exercise) };
    let updated = user.there(Action::Update(remote_ref(&polled)), &data).await;
    assert_eq!((updated.start, &updated.body), (polled.start, &data.body));

    let type_of_it = "application/vnd.com.runkeeper.FitnessActivity+json";
    let item = user.session.get(&uri).accept(type_of_it).send().await.unwrap();
    let latin_1 = std::str::from_utf8(&item.body).is_err();
    let text: String = if latin_1 {
        item.body.iter().copied().map(char::from).collect()
    } else {
        item.text().into_owned()
    };
    let item: Value = partner_sdk::serde_json::from_str(&text).unwrap();
    assert_eq!((&item["notes"], &item["average_heart_rate"]), (&json!("Schön 🏃"), &json!(131)));
    assert_eq!((&item["path"][0]["latitude"], &item["utc_offset"]), (&json!(1.5), &json!(2)));
}

#[tokio::test]
async fn what_cannot_be_written_is_refused_and_a_missing_permission_is_reported() {
    let user = User::new(0);
    let timeless = json!({"activity": "yoga", "activity_original": "Yoga", "energy_kcal": 90});
    let refused =
        user.push(Action::Create, &data("2026-09-30T07:00:00Z", "exercise", &timeless)).await;
    assert!(matches!(refused, Err(PartnerError::Rejected(_))), "{refused:?}");
    let height =
        data("2026-09-30T07:00:00Z", "measurement", &json!({"type": "height", "value": 180}));
    let refused = user.push(Action::Create, &height).await;
    assert!(matches!(refused, Err(PartnerError::Rejected(_))), "{refused:?}");
    let refused = user.push(Action::Create, &weight("2026-09-30T07:00:00Z", -70.0)).await;
    assert!(matches!(refused, Err(PartnerError::Rejected(_))), "{refused:?}");
    assert_eq!(user.calls(), BTreeMap::from([("/weight".to_owned(), 1)]), "one was sent");

    user.control().set_read_only("runkeeper", NAME, true).unwrap();
    let refused = user.push(Action::Create, &weight("2026-09-30T07:00:00Z", 70.0)).await;
    assert!(matches!(refused, Err(PartnerError::MissingScope(_))), "{refused:?}");
}
