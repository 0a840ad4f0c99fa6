//! Fitbit against its simulator, over HTTP: a poll returns what was pushed.

#![cfg(test)]

use partner_fitbit::{Fitbit, MANIFEST};
use partner_sandbox::{AccountChange, Fault, FaultOn, FaultRule, Options, Sandbox};
use partner_sdk::chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::secrecy::SecretString;
use partner_sdk::{
    Action, Activity, Body, Credentials, Cursor, Decimal, Endpoints, Exercise, Grant, Meal,
    Measurement, MeasurementType, Moment, Nutrition, Partner, PartnerError, PollRequest,
    PushRequest, Pushed, RecordData, RemoteRecord, RemoteRef, Session, Tz, testkit,
};

/// 1 October 2026, noon UTC: already evening in Kolkata.
const START: i64 = 1_790_856_000;
const ZONE: Tz = Tz::Asia__Kolkata;
const ANN: &str = "ann";

/// A connected account with a generated history.
struct Simulator {
    sandbox: Sandbox,
    session: Session,
    refresh_token: SecretString,
}

#[derive(Default)]
struct Synced {
    records: Vec<RemoteRecord>,
    deleted: Vec<String>,
    calls: usize,
}

impl Simulator {
    fn with_history(days: u32) -> Self {
        let options = Options {
            seed: 11,
            start: Some(START),
            accounts: 1,
            unlimited: true,
            ..Options::default()
        };
        let sandbox = Sandbox::start(options).unwrap();
        let change = AccountChange {
            time_zone: Some(ZONE.name().to_owned()),
            history_days: Some(days),
            empty: days == 0,
        };
        sandbox.control().put_account("fitbit", ANN, &change).unwrap();
        let tokens = sandbox.control().issue_tokens("fitbit", ANN).unwrap();
        let urls = sandbox.urls("fitbit");
        let endpoints = Endpoints {
            request_token_url: urls.request_token_url,
            authorize_url: urls.authorize_url,
            token_url: urls.token_url,
            revoke_url: urls.revoke_url,
            api_url: urls.api_url,
        };
        let credentials = Credentials {
            client_id: sandbox.client_id("fitbit").to_owned(),
            client_secret: sandbox.client_secret("fitbit").into(),
            service_account: None,
        };
        let session =
            testkit::session(&MANIFEST, endpoints, credentials, &tokens.access_token).unwrap();
        Self { sandbox, session, refresh_token: tokens.refresh_token.unwrap().into() }
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.sandbox.control().now(), 0).unwrap()
    }

    /// One sync of a feed; moves the cursor.
    async fn sync(&self, feed: &str, cursor: &mut Option<Cursor>) -> Result<Synced, PartnerError> {
        let mut request = PollRequest {
            feed: MANIFEST.feed(feed).unwrap(),
            cursor: cursor.clone(),
            page: None,
            backfill_from: self.now() - TimeDelta::days(90),
            now: self.now(),
            is_wide: false,
            time_zone: ZONE,
            delivered: Vec::new(),
        };
        let mut synced = Synced::default();
        loop {
            let page = Fitbit.poll(&self.session, &request).await?;
            synced.calls += 1;
            synced.records.extend(page.records.into_iter().map(Result::unwrap));
            synced.deleted.extend(page.deleted);
            request.page = page.next_page;
            if request.page.is_none() {
                *cursor = page.cursor;
                return Ok(synced);
            }
        }
    }

    async fn push(&self, action: Action, record: &RecordData) -> Result<Pushed, PartnerError> {
        Fitbit.push(&self.session, &self.change(action, record)).await
    }

    fn change(&self, action: Action, record: &RecordData) -> PushRequest {
        PushRequest { action, record: record.clone(), time_zone: ZONE, now: self.now() }
    }
}

/// A list contains when its entries last changed, the answer to a write does not.
fn untimed(mut record: RemoteRecord) -> RemoteRecord {
    record.modified = None;
    record
}

fn data(start: &str, body: Body) -> RecordData {
    RecordData { start: Moment::exact(start.parse().unwrap()), end: None, body }
}

fn measured(r#type: MeasurementType, value: &str) -> Body {
    Body::Measurement(Measurement { r#type, value: value.parse().unwrap() })
}

/// One record of each kind, with the feed that returns it.
fn records() -> [(&'static str, RecordData); 4] {
    let number = |text: &str| text.parse::<Decimal>().ok();
    let row = Exercise {
        activity: Activity::Rowing,
        activity_original: "rudern".into(),
        duration_s: number("1805.5"),
        energy_kcal: number("301.6"),
        distance_m: number("5012"),
        steps: None,
        avg_heart_rate: number("140"),
    };
    let soup = Nutrition {
        meal: Meal::Dinner,
        name: Some("Äpfel & Käse".into()),
        energy_kcal: number("412"),
        carbohydrate_g: number("51.25"),
        fat_g: number("9"),
        sodium_mg: number("640"),
        ..Nutrition::default()
    };
    [
        ("weight", data("2026-09-30T20:10:05Z", measured(MeasurementType::Weight, "72.4567"))),
        ("fat", data("2026-09-30T20:10:05Z", measured(MeasurementType::BodyFat, "18.25"))),
        ("activities", data("2026-09-30T20:10:05.250Z", Body::Exercise(row))),
        ("foods", data("2026-09-30T20:10:05Z", Body::Nutrition(soup))),
    ]
}

#[tokio::test]
async fn a_history_is_read_to_its_end() {
    let simulator = Simulator::with_history(60);
    let accounts = simulator.sandbox.control().accounts("fitbit").unwrap();
    let ann = accounts.into_iter().find(|account| account.account == ANN).unwrap();
    for feed in MANIFEST.feeds {
        let mut cursor = None;
        let mut records = simulator.sync(feed.name, &mut cursor).await.unwrap().records;
        while cursor.as_ref().unwrap().0.contains("\"past\":{") {
            let later = simulator.sync(feed.name, &mut cursor).await.unwrap();
            assert!(later.calls <= 5, "{} calls", later.calls);
            records.extend(later.records);
        }
        let mut ids: Vec<_> = records.iter().map(|record| record.source_id.clone()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), ann.items[feed.name], "{}", feed.name);
        assert!(records.iter().all(|record| record.start.at.to_utc() <= simulator.now()));

        let quiet = simulator.sync(feed.name, &mut cursor).await.unwrap();
        assert_eq!(quiet.calls, if feed.name == "foods" { 2 } else { 1 });
        assert!(quiet.records.iter().all(|record| ids.contains(&record.source_id)));
        assert!(quiet.deleted.iter().all(|gone| !ids.contains(gone)));
    }
}

#[tokio::test]
async fn what_is_pushed_is_polled_found_and_deleted() {
    let simulator = Simulator::with_history(5);
    for (feed, data) in records() {
        let mut cursor = None;
        simulator.sync(feed, &mut cursor).await.unwrap();
        let pushed = simulator.push(Action::Create, &data).await.unwrap();
        let Pushed::There(there) = pushed else { panic!("{feed}: it must be there") };
        let polled = simulator.sync(feed, &mut cursor).await.unwrap();
        let back = polled.records.into_iter().find(|it| it.source_id == there.source_id).unwrap();
        assert_eq!(untimed(back), *there);
        let find_existing = Fitbit
            .find_existing(&simulator.session, &simulator.change(Action::Create, &data))
            .await;
        assert!(
            find_existing.unwrap().into_iter().any(|record| untimed(record) == *there),
            "{feed}"
        );

        let remote_ref =
            RemoteRef { source_id: there.source_id.clone(), group: there.group.clone() };
        for _ in 0..2 {
            let deleted = simulator.push(Action::Delete(remote_ref.clone()), &data).await;
            assert_eq!(deleted.unwrap(), Pushed::Gone, "{feed}: also what is gone already");
        }
        let polled = simulator.sync(feed, &mut cursor).await.unwrap();
        assert!(polled.records.iter().all(|record| record.source_id != there.source_id));
    }
}

#[tokio::test]
async fn what_is_pushed_is_stored_rounded_and_in_wall_time() {
    let simulator = Simulator::with_history(0);
    let mut there = Vec::new();
    for (_, data) in records() {
        let Pushed::There(record) = simulator.push(Action::Create, &data).await.unwrap() else {
            panic!("it must be there")
        };
        there.push(*record);
    }
    let [weight, _, row, soup] = there.as_slice() else { panic!("four were pushed") };
    assert_eq!(weight.start.at.to_rfc3339(), "2026-10-01T01:40:05+05:30");
    assert_eq!(weight.body, measured(MeasurementType::Weight, "72.46"));
    assert_eq!(weight.group.as_deref(), Some("weight/2026-10-01"));
    assert_eq!(row.start.at.to_rfc3339(), "2026-10-01T01:40:05+05:30");
    let Body::Exercise(row) = &row.body else { panic!("an exercise was pushed") };
    assert_eq!((row.activity, row.distance_m), (Activity::Rowing, Some(5_010.into())));
    assert_eq!((row.energy_kcal, row.duration_s), (Some(302.into()), "1805.5".parse().ok()));
    assert_eq!(soup.start.at.to_rfc3339(), "2026-10-01T00:00:00+05:30");
    let Body::Nutrition(soup) = &soup.body else { panic!("food was pushed") };
    assert_eq!((soup.meal, soup.name.as_deref()), (Meal::Dinner, Some("Äpfel & Käse")));
    assert_eq!((soup.carbohydrate_g, soup.protein_g), ("51.25".parse().ok(), None));
}

#[tokio::test]
async fn a_deletion_at_the_partner_arrives() {
    let simulator = Simulator::with_history(0);
    for (feed, data) in records() {
        let Pushed::There(there) = simulator.push(Action::Create, &data).await.unwrap() else {
            panic!("{feed}: it must be there")
        };
        let mut cursor = None;
        simulator.sync(feed, &mut cursor).await.unwrap();
        let id = there.source_id.split('/').nth(1).unwrap().parse().unwrap();
        simulator.sandbox.control().delete("fitbit", ANN, feed, id).unwrap();
        let polled = simulator.sync(feed, &mut cursor).await.unwrap();
        let group = there.group.clone().unwrap_or(there.source_id.clone());
        assert!(polled.deleted.contains(&group), "{feed}: {:?}", polled.deleted);
    }
}

#[tokio::test]
async fn a_value_it_does_not_take_is_rejected() {
    let simulator = Simulator::with_history(0);
    for (body, start) in [
        (measured(MeasurementType::BodyFat, "120"), "2026-09-30T20:10:05Z"),
        (Body::Exercise(Exercise::default()), "2026-09-30T20:10:05Z"),
    ] {
        let refused = simulator.push(Action::Create, &data(start, body)).await;
        assert!(matches!(refused, Err(PartnerError::Rejected(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn every_call_reports_the_end_of_the_service() {
    let simulator = Simulator::with_history(1);
    let fault =
        Fault::Status { status: 410, body: String::new(), content_type: None, retry_after: None };
    let rule = FaultRule { on: FaultOn::default(), times: None, skip: 0, fault };
    simulator.sandbox.control().add_fault("fitbit", rule).unwrap();
    let is_gone =
        |error: PartnerError| assert!(matches!(error, PartnerError::Gone(_)), "{error:?}");
    for (feed, data) in records() {
        is_gone(simulator.sync(feed, &mut None).await.err().unwrap());
        let there = RemoteRef { source_id: format!("{feed}/1"), group: None };
        for action in [Action::Create, Action::Delete(there)] {
            is_gone(simulator.push(action, &data).await.unwrap_err());
        }
    }
    let token_url = simulator.session.endpoints().token_url.clone();
    let reply = simulator.session.post_url(&token_url).anonymous().send_unchecked().await.unwrap();
    is_gone(Fitbit.token_reply(&reply).unwrap_err());
    is_gone(revoke(&simulator).await.unwrap_err());
}

async fn revoke(simulator: &Simulator) -> Result<(), PartnerError> {
    let grant = Grant {
        external_user_id: "7LQW2S".into(),
        access_token: SecretString::from("not-used"),
        refresh_token: Some(simulator.refresh_token.clone()),
        now: simulator.now(),
    };
    Fitbit.revoke(&simulator.session, &grant).await
}

#[tokio::test]
async fn a_grant_is_revoked() {
    let simulator = Simulator::with_history(1);
    revoke(&simulator).await.unwrap();
    let refused = simulator.sync("weight", &mut None).await;
    assert!(matches!(refused, Err(PartnerError::Unauthorized(_))));
    assert_eq!(simulator.sandbox.control().counts("fitbit").unwrap().revoked, 1);
}
