//! Every partner that sends notifications, with its simulator: subscribed to, heard, repaired, ended.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sandbox::{Control, Sandbox, TokenAction, service_account_json};
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Daemon, MOVED_CLOCK, NOTIFIED, empty_account, eventually, sandbox};
use crate::notifications::announced_syncs;
use crate::partners::{FITBIT, GOOGLE_HEALTH, Known, MOVES, STRAVA, WITHINGS};

/// Polls are far away, so that what arrives was announced.
const FAR_POLLS: &str = "[scheduler]\nmin_gap = \"10ms\"\ngroups = [\"12h\", \"24h\"]\n";
/// Longer than Withings refuses a repeated call, and than an empty look keeps the next one away.
const APART: Duration = Duration::from_secs(12);

macro_rules! of_every_partner {
    ($($name:ident $known:ident)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn what_changes_there_shows_here_at_once() {
                hears(&$known).await;
            }

            #[tokio::test]
            async fn a_subscription_that_is_lost_is_repaired_within_a_day() {
                repairs(&$known).await;
            }

            #[tokio::test]
            async fn the_end_of_a_consent_is_believed_when_the_partner_confirms_it() {
                ends(&$known).await;
            }

            #[tokio::test]
            async fn the_settings_end_the_subscription_at_the_next_start() {
                is_switched_off(&$known).await;
            }
        }
    )*};
}

of_every_partner! {
    fitbit FITBIT
    google_health GOOGLE_HEALTH
    moves MOVES
    strava STRAVA
    withings WITHINGS
}

/// A daemon with ann, connected to one partner.
struct Life {
    known: &'static Known,
    sandbox: Sandbox,
    control: Control,
    daemon: Daemon,
    environment: Vec<(String, String)>,
    _keys: TempDir,
}

impl Life {
    async fn begin(known: &'static Known) -> Self {
        let (sandbox, keys) = (sandbox(), tempfile::tempdir().unwrap());
        let control = sandbox.control();
        let file = keys.path().join("service_account.json");
        std::fs::write(&file, service_account_json(&sandbox.url())).unwrap();
        let own = match known.name {
            "google_health" => Some(("SERVICE_ACCOUNT_FILE", file.to_str().unwrap())),
            "fitbit" => Some(("VERIFY_CODE", "sandbox-verification-code")),
            _ => None,
        };
        let key = |name: &str| format!("SYNCWELL__PARTNERS__{}__{name}", known.name.to_uppercase());
        let mut environment: Vec<(String, String)> =
            own.map(|(name, value)| (key(name), value.to_owned())).into_iter().collect();
        let tests = [MOVED_CLOCK, NOTIFIED];
        environment.extend(tests.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let given: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let daemon = Daemon::start_of(&[known.name], &sandbox, FAR_POLLS, &given).await;
        let life = Self { known, sandbox, control, daemon, environment, _keys: keys };
        if life.has_console() {
            life.enter_address().await;
        }
        let change = partner_sandbox::AccountChange {
            time_zone: Some("UTC".into()),
            empty: true,
            history_days: None,
        };
        life.control.put_account(known.name, "ann", &change).unwrap();
        life.daemon.app.connect(&life.sandbox, "ann", known.name).await;
        assert!(life.is_subscribed().await, "{}\n{}", life.connection().await, life.daemon.log());
        life
    }

    fn has_console(&self) -> bool {
        matches!(self.known.name, "fitbit" | "moves")
    }

    /// Enters the address in the partner's console, as an administrator does.
    async fn enter_address(&self) {
        let output = self.daemon.command(&["partner", "list"]);
        let text = String::from_utf8(output.stdout).unwrap();
        let begins = format!("{}/notifications/{}/", self.daemon.address, self.known.name);
        let found = text.lines().map(str::trim).find(|line| line.starts_with(&begins));
        assert!(found.is_some(), "no address in {text}");
        let address = found.unwrap().to_owned();
        let (control, name) = (self.control.clone(), self.known.name);
        let set = move || control.set_callback(name, Some(&address)).unwrap();
        let check = tokio::task::spawn_blocking(set).await.unwrap();
        assert!(check.verified, "{:?}", check.outcomes);
    }

    fn subscriptions(&self) -> usize {
        self.control.subscriptions(self.known.name).unwrap().len()
    }

    fn expected(&self) -> usize {
        match self.known.name {
            "withings" => 5,
            "fitbit" => 4,
            "moves" => 0,
            _ => 1,
        }
    }

    async fn is_subscribed(&self) -> bool {
        eventually(async || {
            let state = self.connection().await["notifications"]["state"].clone();
            self.subscriptions() == self.expected() && state != "not_subscribed"
        })
        .await
    }

    async fn connection(&self) -> Value {
        self.daemon.app.connection("ann", self.known.name).await
    }

    async fn records(&self) -> Vec<Value> {
        self.daemon.app.records("ann").await
    }

    /// Lets time pass while nothing is under way.
    async fn pass(&mut self, by: Duration) {
        let name = self.known.name;
        let idle = eventually(async || self.daemon.actor(name).await["sessions_busy"] == 0);
        assert!(idle.await);
        self.daemon.let_pass(&self.sandbox, by);
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.control.now(), 0).unwrap()
    }

    fn append(&self, resource: &str, minutes_ago: i64) -> i64 {
        let known = self.known.resources.iter().find(|it| it.name == resource).unwrap();
        let item = (known.item)(self.now() - TimeDelta::minutes(minutes_ago));
        self.control.append(self.known.name, "ann", resource, vec![item]).unwrap()[0]
    }

    /// Whether more records than that come soon.
    async fn come(&self, before: usize) -> bool {
        eventually(async || self.records().await.len() > before).await
    }
}

async fn hears(known: &'static Known) {
    let mut life = Life::begin(known).await;
    for resource in known.resources {
        life.pass(APART).await;
        let before = life.records().await;
        let syncs = announced_syncs(&life.daemon).await;
        let id = life.append(resource.name, 60);
        assert!(life.come(before.len()).await, "{}: {}", resource.name, life.daemon.log());
        let announced = eventually(async || announced_syncs(&life.daemon).await > syncs);
        assert!(announced.await, "{}", resource.name);
        // Of edits Strava announces only those of the title, the type and who may see it.
        if known.name != "strava" {
            life.pass(APART).await;
            let (kind, field, value) = resource.corrected;
            let items = life.control.items(known.name, "ann", resource.name).unwrap();
            let correction = (resource.correction)(items.last().unwrap());
            life.control.edit(known.name, "ann", resource.name, id, &correction).unwrap();
            let corrected = eventually(async || {
                let records = life.records().await;
                records.iter().any(|it| it.pointer(field).and_then(Value::as_f64) == Some(value))
            });
            assert!(corrected.await, "{}: {kind}: {:?}", resource.name, life.records().await);
        }
        life.pass(APART).await;
        life.control.delete(known.name, "ann", resource.name, id).unwrap();
        // Moves tells no days before the first with data. What Withings deletes only a look far back shows,
        // of which there is one an hour, and what is missing at once takes a second one.
        if !["moves", "withings"].contains(&known.name) {
            let gone = eventually(async || life.records().await.len() == before.len());
            assert!(gone.await, "{}: {:?}", resource.name, life.daemon.app.timeline("ann").await);
        }
    }
    let works = eventually(async || life.connection().await["notifications"]["state"] == "working");
    assert!(works.await, "{}", life.connection().await);
}

async fn repairs(known: &'static Known) {
    let mut life = Life::begin(known).await;
    let ended = life.control.end_subscriptions(known.name).unwrap();
    assert_eq!(ended, life.expected());
    life.pass(Duration::from_secs(25 * 3_600)).await;
    assert!(life.is_subscribed().await, "{}\n{}", life.connection().await, life.daemon.log());
    life.pass(APART).await;
    life.append(known.resources[0].name, 5);
    assert!(life.come(0).await, "{}", life.daemon.log());
    assert!(eventually(async || announced_syncs(&life.daemon).await > 0).await);
}

async fn ends(known: &'static Known) {
    let mut life = Life::begin(known).await;
    life.append(known.resources[0].name, 60);
    assert!(life.come(0).await, "{}", life.daemon.log());
    life.pass(APART).await;
    let before = announced_syncs(&life.daemon).await;
    // The notice without the end: it is looked at, and the partner says otherwise.
    let sent = life.control.notify(known.name, "ann", "user", None).unwrap();
    if sent > 0 {
        let looked = eventually(async || announced_syncs(&life.daemon).await > before);
        assert!(looked.await, "{}", life.daemon.log());
        assert_eq!(life.connection().await["status"], "connected");
    }
    life.pass(APART).await;
    life.control.tokens(known.name, "ann", TokenAction::Revoke).unwrap();
    if sent > 0 {
        let ended = eventually(async || life.connection().await["status"] == "needs_reconnect");
        assert!(ended.await, "{}\n{}", life.connection().await, life.daemon.log());
    } else {
        life.daemon.app.syncs_until_reconnect("ann", known.name).await;
    }
    life.daemon.app.connect_account("ann", known.name, "ann").await;
    assert!(life.is_subscribed().await, "{}\n{}", life.connection().await, life.daemon.log());
    let path = format!("/v1/users/ann/connections/{}", known.name);
    assert_eq!(life.daemon.app.call(Method::DELETE, &path, None).await.0, 200);
    let left = if matches!(known.name, "strava" | "google_health") { 1 } else { 0 };
    assert_eq!(life.subscriptions(), left, "that of the application is for all users");
}

async fn is_switched_off(known: &'static Known) {
    let mut life = Life::begin(known).await;
    if known.name == "withings" || known.name == "fitbit" {
        empty_account(&life.sandbox, known.name, "ben");
        life.daemon.app.connect(&life.sandbox, "ben", known.name).await;
        let both = eventually(async || life.subscriptions() == 2 * life.expected());
        assert!(both.await, "each user has subscriptions of their own");
    }
    // Withings refuses the list of subscriptions for a while after it was asked for.
    life.pass(APART).await;
    assert!(life.daemon.stop().await.success());
    let off = format!("SYNCWELL__PARTNERS__{}__NOTIFICATIONS", known.name.to_uppercase());
    life.environment.push((off, "false".to_owned()));
    let given: Vec<(&str, &str)> =
        life.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    life.daemon.set_environment(&given);
    life.daemon.launch().await;
    let ended = eventually(async || life.subscriptions() == 0);
    assert!(ended.await, "{}", life.daemon.log());
    assert_eq!(life.connection().await["notifications"]["state"], "off");
}
