//! Grants: renewed, revoked by the user, revoked on disconnect, granted in part; and partners that
//! end their service.

use std::time::Duration;

use chrono::TimeDelta;
use partner_sandbox::TokenAction;
use reqwest::Method;
use serde_json::{Value, json};

use super::{AT_ONCE, PartnerFixture, of_item, pushing};
use crate::harness::{Daemon, eventually, sandbox};
use crate::partners::{FITBIT, Known, Untick};

impl PartnerFixture {
    /// Syncs until the connection asks for another grant, which the user took back. That a token is
    /// refused which cannot be renewed is believed after ten minutes.
    pub(super) async fn sync_until_reconnect(&mut self) {
        let sync = self.sync().await;
        if self.known.refreshes {
            return assert_eq!(sync["outcome"], "needs_reconnect", "{sync}");
        }
        assert_eq!(sync["outcome"], "failed", "one refusal says little: {sync}");
        assert_eq!(self.connection().await["status"], "connected");
        self.daemon.let_pass(&self.sandbox, Duration::from_secs(660));
        self.app().syncs_until_reconnect("ann", self.known.name).await;
    }
}

pub(super) async fn renews(known: &'static Known) {
    let mut fixture = PartnerFixture::connected(known).await;
    for round in 1..=3 {
        fixture.control.tokens(known.name, "ann", TokenAction::ExpireAccess).unwrap();
        if !known.refreshes {
            // Such tokens do not expire; when one is rejected, only a reconnect helps.
            fixture.sync_until_reconnect().await;
            assert_eq!(fixture.control.counts(known.name).unwrap().refreshes, 0);
            return;
        }
        let (_, item) =
            fixture.append(&known.resources[0], fixture.ago(TimeDelta::minutes(30 * round)));
        let sync = fixture.sync_ok().await;
        assert!(sync["summary"].as_str().unwrap().starts_with("got new tokens"), "{sync}");
        assert!(!of_item(&fixture.records().await, &item).is_empty());
    }
    let counts = fixture.control.counts(known.name).unwrap();
    assert_eq!((counts.refreshes, counts.refresh_token_reuse), (3, 0));
    let connection = fixture.connection().await;
    assert_eq!(
        (&connection["status"], &connection["last_error"]),
        (&"connected".into(), &Value::Null)
    );
}

pub(super) async fn asks_for_a_reconnect(known: &'static Known) {
    let mut fixture = PartnerFixture::connected(known).await;
    let resource = &known.resources[0];
    let (_, item) = fixture.append(resource, fixture.ago(TimeDelta::hours(26)));
    fixture.sync_ok().await;
    let before = fixture.records().await;
    assert!(!of_item(&before, &item).is_empty());

    fixture.control.tokens(known.name, "ann", TokenAction::Revoke).unwrap();
    fixture.sync_until_reconnect().await;
    let connection = fixture.connection().await;
    assert_eq!(connection["status"], "needs_reconnect", "{connection}");
    assert_eq!(connection["last_error"]["code"], "unauthorized", "{connection}");
    assert!(connection["next_poll_at"].is_null(), "it is not polled any more: {connection}");
    assert_eq!(fixture.records().await, before, "nothing is lost");

    let (_, missed) = fixture.append(resource, fixture.ago(TimeDelta::minutes(90)));
    fixture.app().connect_account("ann", known.name, "ann").await;
    fixture.sync_ok().await;
    let connection = fixture.connection().await;
    assert_eq!(
        (&connection["status"], &connection["last_error"]),
        (&"connected".into(), &Value::Null)
    );
    let after = fixture.records().await;
    let came = of_item(&after, &missed).len();
    assert!(came > 0 && before.iter().all(|record| after.contains(record)), "{after:?}");
    assert_eq!(after.len(), before.len() + came, "nothing is there twice: {after:?}");
    let changes = fixture.app().changes().await;
    assert_eq!(changes.len(), after.len(), "what was there did not change: {changes:?}");
}

pub(super) async fn disconnects(known: &'static Known) {
    let fixture = PartnerFixture::connected(known).await;
    fixture.append(&known.resources[0], fixture.ago(TimeDelta::hours(2)));
    fixture.sync_ok().await;
    let before = fixture.records().await;
    fixture.control.reset_counts(known.name).unwrap();
    let (status, ended) = fixture.app().call(Method::DELETE, &fixture.path(), None).await;
    assert_eq!(status, 200, "{ended}");
    let counts = fixture.control.counts(known.name).unwrap();
    assert_eq!(ended["revoked"], known.revokes, "{ended}");
    assert_eq!(counts.revoked, u64::from(known.revokes));
    let accounts = fixture.control.accounts(known.name).unwrap();
    let ann = accounts.iter().find(|account| account.account == "ann").unwrap();
    assert_eq!(ann.connected, !known.revokes);
    if !known.revokes {
        // The reason says where the user can revoke the grant.
        assert!(ended["reason"].as_str().is_some_and(|it| it.contains(known.title)), "{ended}");
        assert_eq!(counts.calls, 0);
    }
    assert_eq!(fixture.connection().await["status"], "disconnected");
    assert_eq!(fixture.records().await, before, "the records stay");
    fixture.control.reset_counts(known.name).unwrap();
    let (status, problem) = fixture.app().post(&format!("{}/sync?wait=5s", fixture.path())).await;
    assert_eq!(status, 409, "{problem}");
    assert_eq!(fixture.control.counts(known.name).unwrap().calls, 0);
}

pub(super) async fn keeps_to_what_was_granted(known: &'static Known) {
    for untick in known.unticks {
        let fixture = PartnerFixture::new(known, "UTC", 0).await;
        grant_without(&fixture, untick).await;
        fixture.app().first_sync("ann", known.name).await;
        let is_off = |kinds: &[&str], kind: &str| kinds.contains(&kind);
        let connection = fixture.connection().await;
        says_why(&connection, "poll", known, untick, untick.polls);
        for (kind, polled) in connection["poll"].as_object().unwrap() {
            assert_eq!(*polled, !is_off(untick.polls, kind), "{kind}: {connection}");
        }
        let items: Vec<_> = known
            .resources
            .iter()
            .map(|it| (it, fixture.append(it, fixture.ago(TimeDelta::hours(2))).1))
            .collect();
        let sync = fixture.sync_ok().await;
        assert_eq!(sync["errors"], json!([]), "{sync}");
        let records = fixture.records().await;
        for (resource, item) in items {
            let came = !of_item(&records, &item).is_empty();
            let closed = is_off(untick.polls, resource.corrected.0);
            assert_ne!(came, closed, "{}: {records:?}", resource.name);
        }

        // Kinds without write permission are off from the start or, if the grant does not show it, when
        // the user turns them on.
        want_each(&fixture, untick).await;
        for pushed in pushing::add(&fixture, "new", 30).await {
            let kind = pushed.write.kind;
            if is_off(untick.pushes, kind) {
                let stays = eventually(async || fixture.connection().await["push"][kind] == false);
                assert!(stays.await, "{kind}: {}", fixture.connection().await);
                assert_eq!(pushing::shown(&fixture, pushed.write, false), 0, "{kind}");
            } else {
                let link = pushing::link(&fixture, &pushed).await;
                assert_eq!(link["state"], "in_step", "{kind}: {link}");
            }
        }
        let connection = fixture.connection().await;
        says_why(&connection, "push", known, untick, untick.pushes);
        for (kind, pushed) in connection["push"].as_object().unwrap() {
            assert_eq!(*pushed, !is_off(untick.pushes, kind), "{kind}: {connection}");
        }
        let sync = fixture.sync_ok().await;
        assert_eq!(sync["errors"], json!([]), "{sync}");
        assert!(fixture.connection().await["last_error"].is_null());
    }
}

/// Switches on each kind that the partner accepts. One that is known not to be granted is refused, and
/// stays off with its reason.
async fn want_each(fixture: &PartnerFixture, untick: &Untick) {
    let before = fixture.connection().await;
    for write in fixture.known.writes {
        let choice = json!({"push": {write.kind: true}}).to_string();
        let (status, answer) =
            fixture.app().call(Method::PATCH, &fixture.path(), Some(&choice)).await;
        let is_known = before["switched_off"][format!("push.{}", write.kind)].is_string();
        assert_eq!(status, if is_known { 422 } else { 200 }, "{}: {answer}", write.kind);
        assert!(!is_known || untick.pushes.contains(&write.kind), "{before}");
    }
}

/// Checks which kinds are off because a scope is missing. If the grant showed it, the reason names
/// the scope; if a rejected call showed it, it need not.
fn says_why(
    connection: &Value,
    direction: &str,
    known: &Known,
    untick: &Untick,
    expected: &[&str],
) {
    let off = connection["switched_off"].as_object().unwrap();
    let off = off.iter().filter_map(|(name, reason)| {
        let (of, kind) = name.split_once('.').unwrap();
        (of == direction).then_some((kind, reason.as_str().unwrap()))
    });
    let (kinds, reasons): (Vec<_>, Vec<_>) = off.unzip();
    assert_eq!(kinds, expected, "{direction} without {:?}: {connection}", untick.scopes);
    for reason in reasons {
        let says_scope = untick.scopes.iter().any(|scope| reason.contains(scope));
        let says_both = says_scope && reason.contains(known.title);
        assert!(reason.contains("has not granted"), "{reason}");
        assert!(direction == "push" || says_both, "{reason}");
    }
}

/// Allows all scopes except those unticked on the consent page.
async fn grant_without(fixture: &PartnerFixture, untick: &Untick) {
    let app = fixture.app();
    let url = app.authorize("ann", fixture.known.name, "{}").await;
    let asked = reqwest::Url::parse(&url).unwrap();
    let asked = asked.query_pairs().find(|(name, _)| name == "scope").unwrap().1.into_owned();
    let asked: Vec<&str> = asked.split([' ', ',']).collect();
    assert!(untick.scopes.iter().all(|scope| asked.contains(scope)), "{asked:?}");
    let page = app.client.get(&url).send().await.unwrap().text().await.unwrap();
    assert_eq!(page.matches("name=\"scope\"").count(), asked.len(), "one checkbox per scope");
    let mut form = vec![("account", "ann"), ("decision", "allow"), ("ticked", "yes")];
    let kept = asked.iter().filter(|scope| !untick.scopes.contains(scope));
    form.extend(kept.map(|scope| ("scope", *scope)));
    let answer = app.client.post(&url).form(&form).send().await.unwrap();
    let back = answer.headers()[reqwest::header::LOCATION].to_str().unwrap();
    let ended = app.client.get(back).send().await.unwrap();
    let (status, text) = (ended.status(), ended.text().await.unwrap());
    assert_eq!(status, 200, "{text}");
}

#[tokio::test]
async fn fitbit_s_final_410_ends_every_connection_to_it() {
    let fixture = PartnerFixture::new(&FITBIT, "UTC", 1).await;
    fixture.connect().await;
    fixture.app().connect(&fixture.sandbox, "bob", "fitbit").await;
    let records = fixture.records().await;
    let gone = json!({"fault": {"kind": "status", "status": 410}});
    fixture.control.add_fault("fitbit", serde_json::from_value(gone).unwrap()).unwrap();
    let sync = fixture.sync().await;
    assert_eq!(sync["outcome"], "ended", "{sync}");
    for user in ["ann", "bob"] {
        let path = format!("/v1/users/{user}/connections/fitbit");
        let ended = eventually(async || fixture.app().get(&path).await["status"] == "ended");
        assert!(ended.await, "{user}: {}", fixture.app().get(&path).await);
        let connection = fixture.app().get(&path).await;
        assert!(connection["next_poll_at"].is_null(), "{connection}");
        let (status, problem) = fixture.app().post(&format!("{path}/sync?wait=5s")).await;
        assert_eq!(status, 409, "{problem}");
    }
    assert_eq!(fixture.connection().await["last_error"]["code"], "gone");
    assert_eq!(fixture.records().await, records, "the records stay");
    let reports = fixture.daemon.log().matches("has ended its service").count();
    assert_eq!(reports, 1, "{}", fixture.daemon.log());
    let actor = fixture.daemon.actor("fitbit").await;
    let planned = (&actor["scheduled"], &actor["next_due"]);
    assert_eq!(planned, (&json!(0), &Value::Null), "nothing is scheduled any more: {actor}");
}

#[tokio::test]
async fn moves_has_ended_which_is_logged_once_and_connects_nobody() {
    let sandbox = sandbox();
    // Without an overridden URL: a simulated Moves never ends.
    let extra =
        format!("{AT_ONCE}[partners.moves]\nclient_id = \"us\"\nclient_secret = \"ours\"\n");
    let installed = [("SYNCWELL__INSTALLED_PARTNERS", "moves,withings")];
    let daemon = Daemon::start_of(&["withings"], &sandbox, &extra, &installed).await;
    let list = daemon.app.get("/v1/partners").await;
    let partners = list["partners"].as_array().unwrap();
    let moves = partners.iter().find(|partner| partner["name"] == "moves").unwrap();
    assert_eq!(moves["state"], "ended", "{moves}");
    assert!(moves["ended"].as_str().unwrap().contains("31 July 2018"), "{moves}");
    let path = "/v1/users/ann/connections/moves";
    for _ in 0..2 {
        let begin = format!("{path}/authorize");
        let (status, problem) = daemon.app.call(Method::POST, &begin, Some("{}")).await;
        assert_eq!(status, 409, "{problem}");
        assert_eq!(problem["type"], "urn:syncwell:problem:partner-ended");
        assert!(problem["detail"].as_str().unwrap().contains("31 July 2018"), "{problem}");
    }
    assert_eq!(daemon.app.call(Method::GET, path, None).await.0, 404);
    daemon.app.connect(&sandbox, "ann", "withings").await;
    let log = daemon.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("has ended its service")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("moves") && lines[0].contains("31 July 2018"), "{lines:?}");
}
