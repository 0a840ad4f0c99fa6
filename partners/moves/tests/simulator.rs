//! Moves against its simulator in the sandbox, over HTTP.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};

use partner_moves::Moves;
use partner_sandbox::{AccountChange, Options, Sandbox};
use partner_sdk::chrono::{DateTime, Days};
use partner_sdk::secrecy::SecretString;
use partner_sdk::serde_json::{Value, json};
use partner_sdk::{
    Body, Credentials, Cursor, Endpoints, Partner, PollRequest, RemoteRecord, Session, Tz, testkit,
};

/// 1 October 2026, noon UTC.
const START: i64 = 1_790_856_000;

/// What a sync returned, by source id.
struct Synced {
    records: BTreeMap<String, RemoteRecord>,
    deleted: Vec<String>,
    pages: usize,
    cursor: Option<Cursor>,
}

fn sandbox(time_zone: &str, history_days: Option<u32>) -> Sandbox {
    let options = Options { seed: 5, start: Some(START), unlimited: true, ..Options::default() };
    let sandbox = Sandbox::start(options).unwrap();
    let time_zone = Some(time_zone.to_owned());
    let empty = history_days.is_none();
    let change = AccountChange { time_zone, history_days, empty };
    sandbox.control().put_account("moves", "mover", &change).unwrap();
    sandbox
}

fn session(sandbox: &Sandbox, version: &str) -> Session {
    let urls = sandbox.urls("moves");
    let endpoints = Endpoints {
        authorize_url: urls.authorize_url,
        token_url: urls.token_url,
        revoke_url: None,
        request_token_url: None,
        api_url: format!("{}{version}", urls.api_url),
    };
    let credentials = Credentials {
        client_id: sandbox.client_id("moves").to_owned(),
        client_secret: SecretString::from(sandbox.client_secret("moves")),
        service_account: None,
    };
    let tokens = sandbox.control().issue_tokens("moves", "mover").unwrap();
    testkit::session(Moves.manifest(), endpoints, credentials, &tokens.access_token).unwrap()
}

async fn sync(sandbox: &Sandbox, session: &Session, cursor: Option<Cursor>) -> Synced {
    let now = DateTime::from_timestamp(sandbox.control().now(), 0).unwrap();
    let mut request = PollRequest {
        feed: &Moves.manifest().feeds[0],
        cursor,
        page: None,
        backfill_from: now - Days::new(3_650),
        now,
        is_wide: false,
        time_zone: Tz::UTC,
        delivered: Vec::new(),
    };
    let (records, deleted) = (BTreeMap::new(), Vec::new());
    let mut synced = Synced { records, deleted, pages: 0, cursor: None };
    loop {
        let page = Moves.poll(session, &request).await.unwrap();
        synced.pages += 1;
        for record in page.records {
            let record = record.unwrap();
            let id = record.source_id.clone();
            assert!(synced.records.insert(id, record).is_none(), "reported twice");
        }
        synced.deleted.extend(page.deleted);
        synced.cursor = page.cursor;
        request.page = page.next_page;
        if request.page.is_none() {
            return synced;
        }
    }
}

/// The ids of the activities on the simulator's days, collected without the partner.
async fn ids(session: &Session, from: &str, to: &str) -> BTreeSet<String> {
    let span = [("from", from), ("to", to)];
    let days: Value = session.get("/user/activities/daily").query(&span).fetch().await.unwrap();
    let segments = days.as_array().unwrap().iter().filter_map(|day| day["segments"].as_array());
    let mut found = BTreeSet::new();
    for segment in segments.flatten() {
        for activity in segment["activities"].as_array().unwrap() {
            if activity["activity"] != "transport" {
                let start = activity["startTime"].as_str().or(segment["startTime"].as_str());
                found.insert(format!(
                    "{}:{}",
                    start.unwrap(),
                    activity["activity"].as_str().unwrap()
                ));
            }
        }
    }
    found
}

#[tokio::test]
async fn a_history_is_read_by_windows_and_nothing_is_repeated_or_lost() {
    for zone in ["Pacific/Auckland", "America/New_York"] {
        let sandbox = sandbox(zone, Some(70));
        let session = session(&sandbox, "/api/1.1");
        let first = sync(&sandbox, &session, None).await;
        assert_eq!(first.pages, 3, "70 days, of which each window leaves its last to the next");
        let mut expected = BTreeSet::new();
        for (from, to) in
            [("20260725", "20260820"), ("20260821", "20260914"), ("20260915", "20261001")]
        {
            expected.extend(ids(&session, from, to).await);
        }
        // Activities of the day before, in a stay over the first midnight, are not requested here.
        expected.retain(|id| id.as_str() >= "20260725");
        let reported: BTreeSet<String> =
            first.records.keys().filter(|id| id.as_str() >= "20260725").cloned().collect();
        let differ: Vec<_> = reported.symmetric_difference(&expected).collect();
        assert!(expected.len() > 80 && differ.is_empty(), "{differ:?}");
        let day = |record: &RemoteRecord| record.start.at.format("%Y%m%d").to_string();
        assert!(first.records.values().all(|record| record.group == Some(day(record))));
        assert!(first.records.values().all(|record| record.modified.is_some()));

        let again = sync(&sandbox, &session, first.cursor).await;
        assert_eq!(again.pages, 1, "a settled history costs one window");
        assert!(again.records.iter().all(|(id, record)| first.records.get(id) == Some(record)));
    }
}

#[tokio::test]
async fn a_day_shows_what_was_corrected_and_what_is_gone() {
    let sandbox = sandbox("Asia/Kolkata", None);
    let control = sandbox.control();
    let session = session(&sandbox, "/api/1.1");
    let segment = |start: &str| {
        let activity = json!({"activity": "walking", "group": "walking", "startTime": start,
                              "duration": 300, "distance": 250.5, "steps": 400, "calories": 20});
        json!({"type": "move", "startTime": start, "activities": [activity]})
    };
    let starts = ["20260928T080000+0530", "20260928T180000+0530", "20260929T080000+0530"];
    let made = control.append("moves", "mover", "segments", starts.map(segment).to_vec()).unwrap();
    let first = sync(&sandbox, &session, None).await;
    assert_eq!(first.records.len(), 3);
    assert_eq!(first.deleted, ["20260930", "20261001"], "days without anything");

    control.delete("moves", "mover", "segments", made[1]).unwrap();
    control.delete("moves", "mover", "segments", made[2]).unwrap();
    let changed = json!({"activities": [{"activity": "running", "group": "running",
        "startTime": starts[0], "duration": 300, "calories": 40}]});
    control.edit("moves", "mover", "segments", made[0], &changed).unwrap();
    let second = sync(&sandbox, &session, first.cursor).await;
    let reported: Vec<_> =
        second.records.values().map(|it| (&*it.source_id, it.group.as_deref())).collect();
    assert_eq!(reported, [("20260928T080000+0530:running", Some("20260928"))]);
    assert!(second.deleted.contains(&"20260929".to_owned()), "a day of which nothing is left");
}

#[tokio::test]
async fn both_versions_give_the_same_records() {
    let sandbox = sandbox("Europe/Helsinki", Some(20));
    let words = sync(&sandbox, &session(&sandbox, "/api/1.1"), None).await.records;
    let codes = sync(&sandbox, &session(&sandbox, "/api/1.0"), None).await.records;
    assert!(codes.len() > 10);
    // The older version has only the four kinds, and reports walking on a treadmill as walking.
    for (id, old) in codes.iter().filter(|(id, _)| words.contains_key(*id)) {
        let (Body::Exercise(old), Body::Exercise(new)) = (&old.body, &words[id].body) else {
            panic!("an activity is an exercise");
        };
        assert_eq!(old, new);
    }
    let known = codes.keys().filter(|id| words.contains_key(*id)).count();
    assert!(known > codes.len() / 2, "{known} of {}", codes.len());
}
