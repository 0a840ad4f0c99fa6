//! What must work with every partner, tested against its simulator: connecting, reading data and
//! its changes, pushing, renewing tokens, and disconnecting.

mod ends;
mod grants;
mod pushing;
mod wide_looks;

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sandbox::{AccountChange, Control, Sandbox};
use reqwest::Method;
use reqwest::header::LOCATION;
use serde_json::{Value, json};

use crate::harness::{Daemon, HostApp, MOVED_CLOCK, sandbox};
use crate::partners::{
    FATSECRET, FITBIT, GOOGLE_HEALTH, Known, MOVES, RUNKEEPER, Resource, STRAVA, WITHINGS,
};

/// Lets syncs follow each other immediately.
const AT_ONCE: &str = "[scheduler]\nmin_gap = \"10ms\"\n";

/// The partners whose documents name PKCE.
const TAKE_PKCE: [&str; 2] = ["fitbit", "google_health"];

/// A first sync may leave a part of the history to later ones.
const MAX_SYNCS_OF_A_HISTORY: usize = 8;

/// One test per partner, so that a failure names the partner.
macro_rules! of_every_partner {
    ($($name:ident $known:ident)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn a_denial_connects_nothing_and_a_grant_the_right_person() {
                connects(&$known).await;
            }

            #[tokio::test]
            async fn the_first_sync_brings_all_there_is_and_the_next_nothing() {
                brings_the_history(&$known).await;
            }

            #[tokio::test]
            async fn what_is_new_corrected_or_deleted_there_shows_here() {
                follows(&$known).await;
            }

            #[tokio::test]
            async fn what_comes_or_goes_weeks_late_shows_with_a_sync_that_a_person_asks_for() {
                wide_looks::are_made_when_asked_for(&$known).await;
            }

            #[tokio::test]
            async fn what_comes_or_goes_weeks_late_shows_within_a_day() {
                wide_looks::are_made_daily(&$known).await;
            }

            #[tokio::test]
            async fn what_is_pushed_is_there_once_and_changes_as_it_can() {
                pushing::travels(&$known).await;
            }

            #[tokio::test]
            async fn what_was_pushed_survives_a_new_grant() {
                pushing::outlives_a_new_grant(&$known).await;
            }

            #[tokio::test]
            async fn an_access_token_that_dies_is_renewed_where_that_is_possible() {
                ends::renews(&$known).await;
            }

            #[tokio::test]
            async fn a_new_access_token_that_is_refused_ends_nothing() {
                grants::outlives_refused_tokens(&$known).await;
            }

            #[tokio::test]
            async fn a_web_page_at_the_token_address_ends_nothing() {
                grants::outlives_pages_at_the_token_address(&$known).await;
            }

            #[tokio::test]
            async fn an_empty_field_of_a_token_answer_is_no_value() {
                grants::takes_no_empty_field_for_a_value(&$known).await;
            }

            #[tokio::test]
            async fn a_callback_that_comes_again_has_the_same_answer() {
                grants::answers_a_callback_again(&$known).await;
            }

            #[tokio::test]
            async fn a_grant_taken_back_asks_for_another_and_goes_on_with_it() {
                ends::asks_for_a_reconnect(&$known).await;
            }

            #[tokio::test]
            async fn a_disconnect_gives_the_grant_back() {
                ends::disconnects(&$known).await;
            }

            #[tokio::test]
            async fn what_the_user_did_not_grant_is_off_and_says_why() {
                ends::keeps_to_what_was_granted(&$known).await;
            }
        }
    )*};
}

of_every_partner! {
    fatsecret FATSECRET
    fitbit FITBIT
    google_health GOOGLE_HEALTH
    moves MOVES
    runkeeper RUNKEEPER
    strava STRAVA
    withings WITHINGS
}

/// A daemon with one partner, where `ann` has an account.
struct PartnerFixture {
    known: &'static Known,
    sandbox: Sandbox,
    control: Control,
    daemon: Daemon,
}

impl PartnerFixture {
    /// Creates the account with a generated history of `history_days` days.
    async fn new(known: &'static Known, zone: &str, history_days: u32) -> Self {
        let sandbox = sandbox();
        let change = AccountChange {
            time_zone: Some(zone.into()),
            history_days: Some(history_days),
            empty: history_days == 0,
        };
        let control = sandbox.control();
        control.put_account(known.name, "ann", &change).unwrap();
        let daemon = Daemon::start_of(&[known.name], &sandbox, AT_ONCE, &[MOVED_CLOCK]).await;
        Self { known, sandbox, control, daemon }
    }

    async fn connected(known: &'static Known) -> Self {
        let fixture = Self::new(known, "UTC", 0).await;
        fixture.connect().await;
        fixture
    }

    async fn connect(&self) {
        self.app().connect(&self.sandbox, "ann", self.known.name).await;
    }

    fn app(&self) -> &HostApp {
        &self.daemon.app
    }

    /// Whether the partner provides no user id. Then a new grant may belong to another person:
    /// records already read stay, but pending pushes need not go to the new account.
    fn is_stranger(&self) -> bool {
        (self.known.user_id)(0).is_none()
    }

    fn path(&self) -> String {
        format!("/v1/users/ann/connections/{}", self.known.name)
    }

    async fn connection(&self) -> Value {
        self.app().connection("ann", self.known.name).await
    }

    async fn sync(&self) -> Value {
        // Withings rejects an identical call within ten seconds.
        self.control.advance(Duration::from_secs(11));
        self.app().sync("ann", self.known.name).await
    }

    async fn sync_ok(&self) -> Value {
        let sync = self.sync().await;
        assert_eq!(sync["outcome"], "ok", "{sync}");
        sync
    }

    async fn records(&self) -> Vec<Value> {
        self.app().records("ann").await
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.control.now(), 0).unwrap()
    }

    fn ago(&self, time: TimeDelta) -> DateTime<Utc> {
        self.now() - time
    }

    fn items(&self, resource: &str) -> Vec<Value> {
        self.control.items(self.known.name, "ann", resource).unwrap()
    }

    /// Adds an item with that time; returns its simulator id and the prefix of its record ids.
    fn append(&self, resource: &Resource, at: DateTime<Utc>) -> (i64, String) {
        let before = self.items(resource.name);
        let item = (resource.item)(at);
        let ids = self.control.append(self.known.name, "ann", resource.name, vec![item]).unwrap();
        let added = self.items(resource.name).into_iter().find(|item| !before.contains(item));
        (ids[0], (resource.source)(&added.unwrap(), self.now()).unwrap())
    }

    /// The prefixes that record ids must have, derived from the items in the simulator.
    fn expected(&self) -> BTreeSet<String> {
        let sources = |resource: &'static Resource| {
            let items = self.items(resource.name).into_iter().flat_map(parts);
            items.filter_map(|item| (resource.source)(&item, self.now())).collect::<Vec<_>>()
        };
        self.known.resources.iter().flat_map(sources).collect()
    }
}

/// An item that holds several activities (Moves), as one item for each.
fn parts(item: Value) -> Vec<Value> {
    let Some(activities) = item["activities"].as_array() else { return vec![item] };
    let alone = |activity: &Value| {
        let mut part = item.clone();
        part["activities"] = json!([activity]);
        part
    };
    activities.iter().map(alone).collect()
}

/// The id prefix of a record: records that share an item have their kind appended to it.
fn item_of(record: &Value) -> String {
    let id = record["source"]["id"].as_str().unwrap();
    let kind = format!(":{}", kind_of(record));
    id.strip_suffix(&kind).unwrap_or(id).to_owned()
}

fn kind_of(record: &Value) -> String {
    let r#type = record["measurement"]["type"].as_str();
    r#type.or(record["kind"].as_str()).unwrap().to_owned()
}

fn of_item<'a>(records: &'a [Value], item: &str) -> Vec<&'a Value> {
    records.iter().filter(|record| item_of(record) == item).collect()
}

async fn connects(known: &'static Known) {
    let fixture = PartnerFixture::new(known, "UTC", 0).await;
    let app = fixture.app();
    let name = known.name;

    let url = app.authorize("ann", name, "{}").await;
    let back = app.decide(&url, "ann", "deny").await;
    let page = app.client.get(&back).send().await.unwrap().text().await.unwrap();
    assert!(page.contains(&format!("not to allow the access at {}", known.title)), "{page}");
    for (decision, status) in [("deny", "denied"), ("allow", "connected")] {
        if status == "connected" {
            let (status, _) = app.call(Method::GET, &fixture.path(), None).await;
            assert_eq!(status, 404, "a denial connects nothing");
        }
        let begin = r#"{"return_url":"http://127.0.0.1:9/done?x=1"}"#;
        let url = app.authorize("ann", name, begin).await;
        assert!(url.starts_with(&fixture.sandbox.urls(name).authorize_url), "{url}");
        // Where the partner documents it; its simulator refuses a verifier that does not fit.
        let challenges =
            url.contains("code_challenge=") && url.contains("code_challenge_method=S256");
        assert_eq!(challenges, TAKE_PKCE.contains(&name), "{url}");
        let back = app.decide(&url, "ann", decision).await;
        let ended = app.client.get(&back).send().await.unwrap();
        assert_eq!(ended.status(), 303, "{decision}");
        let location = ended.headers()[LOCATION].to_str().unwrap();
        let expected = format!("http://127.0.0.1:9/done?x=1&status={status}&partner={name}");
        assert_eq!(location, expected);
        let lines = app.timeline("ann").await;
        let line = lines.iter().find(|line| line["outcome"] == status);
        assert!(line.is_some_and(|line| line["partner"] == name), "{lines:?}");
    }
    let lines = app.timeline("ann").await;
    let denials = lines.iter().filter(|line| line["outcome"] == "denied");
    let summaries = denials.map(|line| line["summary"].as_str().unwrap());
    let denied = summaries.filter(|summary| summary.contains("did not grant access")).count();
    assert_eq!(denied, 2, "{lines:?}");

    app.first_sync("ann", name).await;
    let connection = fixture.connection().await;
    assert_eq!(connection["status"], "connected", "{connection}");
    assert_eq!(connection["switched_off"], serde_json::json!({}), "{connection}");
    let accounts = fixture.control.accounts(name).unwrap();
    let ann = accounts.iter().find(|account| account.account == "ann").unwrap();
    let shown = connection["external_user_id"].as_str().unwrap();
    match (known.user_id)(ann.user_id) {
        Some(expected) => assert_eq!(shown, expected),
        None => assert!(shown.len() >= 8, "{shown}"),
    }
}

async fn brings_the_history(known: &'static Known) {
    let fixture = PartnerFixture::new(known, "UTC", 20).await;
    // Not every item of a generated Moves history has enough fields to be stored.
    for days in 0..8 {
        if days > 0 && fixture.expected().len() >= 8 {
            break;
        }
        for resource in known.resources {
            fixture.append(resource, fixture.ago(TimeDelta::hours(3) + TimeDelta::days(days)));
        }
    }
    let expected = fixture.expected();
    assert!(expected.len() >= 8, "a history of {} items", expected.len());
    fixture.connect().await;
    for _ in 0..MAX_SYNCS_OF_A_HISTORY {
        if fixture.records().await.len() >= expected.len() {
            break;
        }
        fixture.sync_ok().await;
    }
    // Items added just before may have arrived only with the sync waited for.
    fixture.sync_ok().await;
    let records = fixture.records().await;
    let found: BTreeSet<String> = records.iter().map(item_of).collect();
    let missing: Vec<_> = expected.difference(&found).collect();
    let unexpected: Vec<_> = found.difference(&expected).collect();
    assert!(missing.is_empty() && unexpected.is_empty(), "no {missing:?}, but {unexpected:?}");
    let ids: BTreeSet<String> = records.iter().map(|it| it["source"]["id"].to_string()).collect();
    assert_eq!(ids.len(), records.len(), "no duplicates");

    let partners = fixture.app().get("/v1/partners").await;
    let polled = partners["partners"][0]["poll"].as_array().unwrap();
    let polled: BTreeSet<String> =
        polled.iter().map(|kind| kind.as_str().unwrap().to_owned()).collect();
    let came: BTreeSet<String> = records.iter().map(kind_of).collect();
    assert_eq!(came, polled, "every kind, and no others");

    let changes = fixture.app().changes().await.len();
    assert_eq!(changes, records.len(), "each record was created once and did not change");
    for _ in 0..2 {
        let sync = fixture.sync_ok().await;
        let did = ["created", "updated", "deleted"].map(|what| sync[what].as_u64().unwrap());
        assert_eq!(did, [0; 3], "{sync}");
    }
    assert_eq!(fixture.records().await, records);
    assert_eq!(fixture.app().changes().await.len(), changes);
}

async fn follows(known: &'static Known) {
    let fixture = PartnerFixture::connected(known).await;
    for resource in known.resources {
        // The neighbour must stay unchanged. Some partners keep one item per day, and some read
        // other days less often than today and yesterday.
        let now = fixture.now();
        let (_, neighbour) = fixture.append(resource, now - TimeDelta::days(1));
        let (id, item) = fixture.append(resource, now);
        fixture.sync_ok().await;
        let before = fixture.records().await;
        let came = of_item(&before, &item);
        let (kind, field, value) = resource.corrected;
        assert!(!came.is_empty(), "{}: the new item {item} came: {before:?}", resource.name);
        assert!(!of_item(&before, &neighbour).is_empty(), "{}: {before:?}", resource.name);

        let raw = fixture.items(resource.name).into_iter();
        let is_it = |raw: &Value| (resource.source)(raw, fixture.now()).as_ref() == Some(&item);
        let correction = (resource.correction)(&raw.into_iter().find(is_it).unwrap());
        fixture.control.edit(known.name, "ann", resource.name, id, &correction).unwrap();
        let sync = fixture.sync_ok().await;
        let after = fixture.records().await;
        let corrected = of_item(&after, &item).into_iter().find(|record| kind_of(record) == kind);
        let corrected = corrected.unwrap();
        assert_eq!(corrected.pointer(field).and_then(Value::as_f64), Some(value), "{corrected}");
        let was = came.into_iter().find(|record| kind_of(record) == kind).unwrap();
        assert_eq!(was["id"], corrected["id"], "{}: it is the same record", resource.name);
        assert_eq!((&sync["created"], &sync["updated"]), (&0.into(), &1.into()), "{sync}");

        fixture.control.delete(known.name, "ann", resource.name, id).unwrap();
        fixture.sync_ok().await;
        let after = fixture.records().await;
        assert!(of_item(&after, &item).is_empty(), "{}: {after:?}", resource.name);
        assert_eq!(of_item(&after, &neighbour), of_item(&before, &neighbour), "{}", resource.name);
    }
}
