//! Strava against its simulator in the sandbox, over HTTP.

#![cfg(test)]

use std::collections::BTreeMap;

use partner_sandbox::{AccountChange, Control, IssuedTokens, Options, Sandbox};
use partner_sdk::chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::secrecy::SecretString;
use partner_sdk::serde_json::{Value, json};
use partner_sdk::{
    Action, Activity, Body, Credentials, Cursor, Endpoints, Exercise, Moment, Partner,
    PartnerError, PollRequest, PushRequest, Pushed, RecordData, RemoteRecord, Session, Tz, testkit,
};
use partner_strava::Strava;

/// 1 October 2026, noon UTC.
const START: i64 = 1_790_856_000;

struct Simulator {
    sandbox: Sandbox,
    session: Session,
    tokens: IssuedTokens,
}

/// What a sync returned, by source id.
#[derive(Default)]
struct Synced {
    records: BTreeMap<String, RemoteRecord>,
    deleted: Vec<String>,
    cursor: Option<Cursor>,
    /// The cursors of pages before the last, each with how many records were read until then.
    kept: Vec<(Cursor, usize)>,
}

impl Simulator {
    fn start() -> Self {
        let options =
            Options { seed: 3, start: Some(START), unlimited: true, ..Options::default() };
        let sandbox = Sandbox::start(options).unwrap();
        let time_zone = Some("America/New_York".to_owned());
        let empty = AccountChange { empty: true, time_zone, history_days: None };
        sandbox.control().put_account("strava", "anna", &empty).unwrap();
        let urls = sandbox.urls("strava");
        let endpoints = Endpoints {
            request_token_url: urls.request_token_url,
            authorize_url: urls.authorize_url,
            token_url: urls.token_url,
            revoke_url: urls.revoke_url,
            api_url: urls.api_url,
        };
        let credentials = Credentials {
            client_id: sandbox.client_id("strava").to_owned(),
            client_secret: SecretString::from(sandbox.client_secret("strava")),
            service_account: None,
        };
        let tokens = sandbox.control().issue_tokens("strava", "anna").unwrap();
        let session =
            testkit::session(Strava.manifest(), endpoints, credentials, &tokens.access_token);
        Self { session: session.unwrap(), sandbox, tokens }
    }

    fn control(&self) -> Control {
        self.sandbox.control()
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.control().now(), 0).unwrap()
    }

    fn details(&self) -> u64 {
        let counts = self.control().counts("strava").unwrap();
        counts.by_path.get("/activities/{id}").copied().unwrap_or(0)
    }

    async fn sync(&self, cursor: Option<&Cursor>) -> Result<Synced, PartnerError> {
        let now = self.now();
        let mut request = PollRequest {
            feed: &Strava.manifest().feeds[0],
            cursor: cursor.cloned(),
            page: None,
            backfill_from: now - TimeDelta::days(365),
            now,
            is_wide: false,
            time_zone: Tz::America__New_York,
            delivered: Vec::new(),
        };
        let mut synced = Synced::default();
        loop {
            let page = Strava.poll(&self.session, &request).await?;
            for record in page.records {
                let record = record.unwrap();
                synced.records.insert(record.source_id.clone(), record);
            }
            synced.deleted.extend(page.deleted);
            request.page = page.next_page;
            if request.page.is_none() {
                synced.cursor = page.cursor;
                return Ok(synced);
            }
            synced.kept.extend(page.cursor.map(|cursor| (cursor, synced.records.len())));
        }
    }

    fn data(&self, action: Action) -> PushRequest {
        let start = DateTime::parse_from_rfc3339("2026-09-30T18:30:00-04:00").unwrap();
        let exercise = Exercise {
            activity: Activity::Swimming,
            activity_original: "Lanes".to_owned(),
            duration_s: Some(2_700.into()),
            energy_kcal: Some(410.into()),
            distance_m: Some("1500.5".parse().unwrap()),
            ..Exercise::default()
        };
        let record =
            RecordData { start: Moment::exact(start), end: None, body: Body::Exercise(exercise) };
        PushRequest { action, record, time_zone: Tz::America__New_York, now: self.now() }
    }
}

fn exercise(record: &RemoteRecord) -> &Exercise {
    match &record.body {
        Body::Exercise(exercise) => exercise,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_history_is_read_once_and_then_only_what_changes() {
    let simulator = Simulator::start();
    let control = simulator.control();
    let made = control.generate("strava", "anna", "activities", 100, 60).unwrap();
    let synced = simulator.sync(None).await.unwrap();
    assert_eq!(simulator.details(), 100, "one call for each");
    let (all, cursor) = (synced.records, synced.cursor);
    let kept: Vec<usize> = synced.kept.iter().map(|(_, records)| *records).collect();
    assert_eq!(kept, [30, 60, 90], "what was read is kept before all is read");
    let resumed = simulator.sync(Some(&synced.kept[1].0)).await.unwrap();
    assert_eq!(resumed.records.len(), 40);
    simulator.control().reset_counts("strava").unwrap();
    assert!(all.keys().eq(
        made.iter().map(ToString::to_string).collect::<std::collections::BTreeSet<_>>().iter()
    ));
    assert!(all.values().all(|record| exercise(record).energy_kcal.is_some()));
    let offsets = all.values().map(|record| record.start.at.offset().local_minus_utc());
    assert!(offsets.into_iter().all(|offset| offset == -4 * 3_600), "of summer, not of winter");

    let settled = simulator.sync(cursor.as_ref()).await.unwrap();
    assert_eq!((settled.records.len(), simulator.details()), (0, 0), "nothing new costs no call");

    let (gone, edited, praised) = (made[99], made[98], made[97]);
    control.delete("strava", "anna", "activities", gone).unwrap();
    control.edit("strava", "anna", "activities", edited, &json!({"distance": 4321.5})).unwrap();
    control.edit("strava", "anna", "activities", praised, &json!({"kudos_count": 999})).unwrap();
    let changed = simulator.sync(settled.cursor.as_ref()).await.unwrap();
    assert_eq!(changed.deleted, [gone.to_string()]);
    assert_eq!(changed.records.keys().collect::<Vec<_>>(), [&edited.to_string()]);
    let distance = exercise(&changed.records[&edited.to_string()]).distance_m;
    assert_eq!(distance, Some("4321.5".parse().unwrap()));
    assert_eq!(simulator.details(), 2, "the edited one and the one that is missing");

    let after = simulator.sync(changed.cursor.as_ref()).await.unwrap();
    assert!(after.records.is_empty() && after.deleted.is_empty());
    assert_eq!(simulator.details(), 2);
}

#[tokio::test]
async fn what_is_written_comes_back_as_the_push_said() {
    let simulator = Simulator::start();
    let request = simulator.data(Action::Create);
    assert_eq!(Strava.find_existing(&simulator.session, &request).await.unwrap(), []);
    let Pushed::There(there) = Strava.push(&simulator.session, &request).await.unwrap() else {
        panic!("a new activity is there");
    };
    assert_eq!(there.start.at, request.record.start.at);
    assert_eq!(exercise(&there).duration_s, Some(2_700.into()));
    assert_eq!(exercise(&there).activity, Activity::Swimming);
    let polled = simulator.sync(None).await.unwrap().records;
    assert_eq!(polled.into_values().collect::<Vec<_>>(), [(*there).clone()]);
    assert_eq!(Strava.find_existing(&simulator.session, &request).await.unwrap(), [*there]);
    let again = Strava.push(&simulator.session, &request).await;
    assert!(matches!(again, Err(PartnerError::Rejected(_))), "{again:?}");
}

#[tokio::test]
async fn token_answers_are_read_and_a_revoked_grant_no_longer_works() {
    let simulator = Simulator::start();
    let refresh = async |token: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", simulator.sandbox.client_id("strava")),
            ("client_secret", simulator.sandbox.client_secret("strava")),
        ];
        let url = simulator.session.endpoints().token_url.clone();
        let reply = simulator.session.post_url(&url).anonymous().form(&form).send_unchecked().await;
        Strava.token_reply(&reply.unwrap())
    };
    let token = simulator.tokens.refresh_token.clone().unwrap();
    let answer = refresh(&token).await.unwrap();
    assert_eq!(answer["access_token"], json!(simulator.tokens.access_token), "the same again");
    let user = Strava.external_user_id(&simulator.session, &Value::Null).await.unwrap();
    assert_eq!(user, simulator.tokens.user_id.to_string());

    let grant = partner_sdk::Grant {
        external_user_id: user,
        access_token: SecretString::from(simulator.tokens.access_token.clone()),
        refresh_token: None,
        now: simulator.now(),
    };
    Strava.revoke(&simulator.session, &grant).await.unwrap();
    assert!(matches!(refresh(&token).await, Err(PartnerError::Unauthorized(_))));
    assert!(matches!(simulator.sync(None).await, Err(PartnerError::Unauthorized(_))));
}
