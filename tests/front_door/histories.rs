//! Random histories with the real daemon: edits on every side, outages, notifications that go astray,
//! a host app that follows by webhook and stream and often fails, and crashes at random steps.
//! `tests/histories` runs thousands of them inside one process.

mod host;
mod reader;

use std::io::Write as _;
use std::time::Duration;

use chrono::DateTime;
use partner_sandbox::{Control, Deliveries, Hits, NotificationFaults, Sandbox, TokenAction};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use self::host::Host;
use self::reader::Reader;
use crate::harness::{Daemon, MOVED_CLOCK, NOTIFIED, eventually, sandbox, values, weight};
use crate::two_way::{PARTNERS, grams, switch};
use crate::webhooks::ALLOWED;

const STEPS: usize = 40;

/// The failpoints at which the process may exit.
const POINTS: [&str; 10] = [
    "sync::page_read",
    "sync::page_saved",
    "sync::push_begun",
    "sync::push_answered",
    "sync::push_kept",
    "sync::looked_up",
    "events::planned",
    "events::sent",
    "events::stored",
    "notifications::stored",
];

/// Those that send notifications.
const NOTIFYING: [&str; 2] = ["withings", "google_health"];

/// Whose records are everywhere, and another user, who has the host app's own only.
const USERS: [&str; 2] = ["ann", "ben"];

struct History {
    seed: u64,
    chance: StdRng,
    sandbox: Sandbox,
    control: Control,
    daemon: Daemon,
    host: Host,
    reader: Reader,
    /// With which Google Health's subscriber is made; removed at the end.
    _service_account: NamedTempFile,
    /// Weights in grams that the host or a partner acknowledged and nobody edited or deleted since.
    untouched: Vec<i64>,
    made: i64,
}

impl History {
    async fn begin(seed: u64) -> Self {
        let sandbox = sandbox();
        let mut account = NamedTempFile::new().unwrap();
        let key = partner_sandbox::service_account_json(&sandbox.url());
        account.write_all(key.as_bytes()).unwrap();
        // The last partner's table is still open.
        let settings = format!("service_account_file = {:?}\n{ALLOWED}", account.path());
        let environment = [MOVED_CLOCK, NOTIFIED];
        let daemon = Daemon::start_of(&PARTNERS, &sandbox, &settings, &environment).await;
        let (host, reader) =
            (Host::begin(&daemon.app, seed).await, Reader::begin(&daemon.app, seed).await);
        for partner in PARTNERS {
            daemon.app.connect(&sandbox, "ann", partner).await;
        }
        for partner in ["runkeeper", "google_health"] {
            switch(&daemon, partner, &json!({"push": {"weight": true}})).await;
        }
        let (control, chance) = (sandbox.control(), StdRng::seed_from_u64(seed));
        let untouched = Vec::new();
        let _service_account = account;
        Self {
            seed,
            chance,
            sandbox,
            control,
            daemon,
            host,
            reader,
            _service_account,
            untouched,
            made: 0,
        }
    }

    /// A unique weight in grams, and how many minutes ago it was measured.
    fn new_weight(&mut self) -> (i64, i64) {
        self.made += 1;
        (60_000 + 100 * self.made, 6_000 - 10 * self.made)
    }

    fn at(&self, minutes_ago: i64) -> String {
        let at = DateTime::from_timestamp(self.control.now() - 60 * minutes_ago, 0);
        at.unwrap().to_rfc3339()
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Option<StatusCode> {
        self.daemon.app.try_call(method, path, body).await
    }

    async fn host_adds(&mut self) {
        let (grams, minutes_ago) = self.new_weight();
        let record = json!({
            "app_id": format!("w-{grams}"), "start": self.at(minutes_ago),
            "measurement": {"type": "weight", "value": grams as f64 / 1_000.0},
        });
        let body = json!({"records": [record]});
        let user = USERS[usize::from(self.chance.random_ratio(1, 4))];
        let answer = self.call(Method::POST, &format!("/v1/users/{user}/records"), &body).await;
        // A daemon that is about to exit may return an error.
        if user == "ann" && answer == Some(StatusCode::CREATED) {
            self.untouched.push(grams);
        }
    }

    /// Edits or deletes a record through the API, if the daemon responds.
    async fn host_changes(&mut self, deletes: bool) {
        if !self.daemon.is_running() {
            return;
        }
        let Some(list) = self.daemon.app.try_json(Method::GET, "/v1/users/ann/records").await
        else {
            return;
        };
        let records = list["records"].as_array().unwrap().clone();
        if records.is_empty() {
            return;
        }
        let record = &records[self.chance.random_range(0..records.len())];
        // Compared as a number: 61.0 may be written as 61.
        let value = record["measurement"]["value"].as_f64();
        self.untouched.retain(|grams| Some(*grams as f64 / 1_000.0) != value);
        let path = format!("/v1/users/ann/records/{}", record["id"].as_str().unwrap());
        if deletes {
            self.call(Method::DELETE, &path, &Value::Null).await;
        } else {
            let (grams, _) = self.new_weight();
            let measurement = json!({"type": "weight", "value": grams as f64 / 1_000.0});
            let body = json!({"start": record["start"], "measurement": measurement});
            self.call(Method::PUT, &path, &body).await;
        }
    }

    fn withings_measures(&mut self) {
        let (grams, minutes_ago) = self.new_weight();
        let group = weight(&self.control, grams, minutes_ago);
        self.control.append("withings", "ann", "measure", vec![group]).unwrap();
        self.untouched.push(grams);
    }

    fn partner_fails(&mut self) {
        let partner = PARTNERS[self.chance.random_range(0..PARTNERS.len())];
        let urls = self.sandbox.urls(partner);
        let tokens = urls.token_url.strip_prefix(&urls.api_url).unwrap();
        let faults = [
            json!({"fault": {"kind": "status", "status": 503}, "times": 2}),
            json!({"fault": {"kind": "truncated"}, "times": 1}),
            json!({"fault": {"kind": "close"}, "times": 1}),
            json!({"fault": {"kind": "html"}, "times": 1}),
            json!({"fault": {"kind": "refuse_token"}, "times": self.chance.random_range(1..6)}),
            json!({"on": {"path": tokens}, "fault": {"kind": "page", "status": 401}, "times": 2}),
        ];
        let fault = faults[self.chance.random_range(0..faults.len())].clone();
        self.control.add_fault(partner, serde_json::from_value(fault).unwrap()).unwrap();
    }

    /// Some of the next notifications are lost, doubled, late, or in another order; or none.
    fn notifications_go_astray(&mut self) {
        let partner = NOTIFYING[self.chance.random_range(0..NOTIFYING.len())];
        let none = NotificationFaults::default();
        let faults = match self.chance.random_range(0..6) {
            0 => NotificationFaults { drop: Hits::percent(50), ..none },
            1 => NotificationFaults { double: Hits::percent(80), ..none },
            2 => NotificationFaults { delay_ms: self.chance.random_range(1..2_000), ..none },
            3 => NotificationFaults { reorder: self.chance.random_range(2..5), ..none },
            4 => NotificationFaults { silent: true, ..none },
            _ => none,
        };
        self.control.set_notification_faults(partner, faults).unwrap();
    }

    /// An access token dies before its time. RunKeeper's cannot be renewed.
    fn token_expires(&mut self) {
        let partner = ["withings", "google_health"][self.chance.random_range(0..2)];
        self.control.tokens(partner, "ann", TokenAction::ExpireAccess).unwrap();
    }

    /// Connects the same account again; the browser brings the answer up to three times at once.
    async fn reconnects(&mut self) {
        let partner = PARTNERS[self.chance.random_range(0..PARTNERS.len())];
        let path = format!("/v1/users/ann/connections/{partner}/authorize");
        let Some(begun) = self.daemon.app.try_json(Method::POST, &path).await else { return };
        let Some(url) = begun["authorize_url"].as_str() else { return };
        let back = self.daemon.app.decide(url, "ann", "allow").await;
        let times = self.chance.random_range(1..=3);
        let visits = (0..times).map(|_| self.daemon.app.client.get(&back).send());
        let answers = futures_util::future::join_all(visits).await;
        let statuses: Vec<_> = answers.iter().flatten().map(|answer| answer.status()).collect();
        let same = statuses.windows(2).all(|two| two[0] == two[1]);
        assert!(same, "seed {}: {statuses:?}", self.seed);
    }

    /// Kills the process; the next one exits at a random failpoint.
    async fn crashes(&mut self) {
        // A kill in the middle of a refresh may take its answer, which the trials judge.
        let is_idle = async || {
            let tree = self.daemon.admin.try_json(Method::GET, "/admin/api/actors").await;
            let partners =
                tree.map(|tree| tree["partners"].as_array().cloned().unwrap_or_default());
            partners.is_none_or(|all| all.iter().all(|partner| partner["sessions_busy"] == 0))
        };
        eventually(is_idle).await;
        self.daemon.kill_if_running();
        self.some_time_passes();
        let point = POINTS[self.chance.random_range(0..POINTS.len())];
        let after = self.chance.random_range(0..4);
        let action = format!("{point}={after}*off->1*return");
        self.daemon.set_environment(&[("FAILPOINTS", &action), MOVED_CLOCK]);
        self.daemon.spawn();
    }

    /// Withings refuses to repeat a call within ten seconds.
    fn some_time_passes(&mut self) {
        self.daemon.let_pass(&self.sandbox, Duration::from_secs(11));
    }

    async fn step(&mut self) {
        self.some_time_passes();
        match self.chance.random_range(0..100) {
            0..22 => self.host_adds().await,
            22..34 => self.host_changes(false).await,
            34..40 => self.host_changes(true).await,
            40..54 => self.withings_measures(),
            54..61 => self.partner_fails(),
            61..65 => self.token_expires(),
            65..69 => self.reconnects().await,
            69..78 => self.crashes().await,
            78..86 => self.notifications_go_astray(),
            86..92 => self.host.changes_its_mood(),
            _ => drop(self.call(Method::POST, "/v1/users/ann/sync", &Value::Null).await),
        }
        if !self.daemon.is_running() {
            self.some_time_passes();
            self.daemon.set_environment(&[MOVED_CLOCK]);
            self.daemon.launch().await;
        }
    }

    async fn come_to_rest(&mut self) {
        self.daemon.kill_if_running();
        self.daemon.set_environment(&[MOVED_CLOCK]);
        for partner in PARTNERS {
            self.control.clear_faults(partner).unwrap();
        }
        for partner in NOTIFYING {
            let none = NotificationFaults::default();
            self.control.set_notification_faults(partner, none).unwrap();
        }
        self.host.recovers();
        self.daemon.launch().await;
        // New tokens that were refused are not renewed again within five minutes.
        self.daemon.let_pass(&self.sandbox, Duration::from_secs(360));
        let mut is_quiet = async || {
            self.some_time_passes();
            let mut changed = false;
            for partner in PARTNERS {
                let sync = self.daemon.app.sync("ann", partner).await;
                changed |=
                    sync["outcome"] != "ok" || !sync["summary"].to_string().contains("nothing new");
                changed |= sync["summary"].to_string().contains("pushed");
            }
            let host = self.host_grams().await;
            !changed && PARTNERS[1..].iter().all(|partner| grams(&self.control, partner) == host)
        };
        // A failed push is retried after half a minute.
        let agreed = eventually(&mut is_quiet).await || eventually(&mut is_quiet).await;
        let there: Vec<_> = PARTNERS[1..].iter().map(|it| grams(&self.control, it)).collect();
        assert!(agreed, "seed {}: host {:?}, {there:?}", self.seed, self.host_grams().await);
    }

    /// Whoever follows has got the same as whoever reads the feed from its beginning.
    async fn followers_agree(&mut self) {
        let feed = self.daemon.app.all("/v1/changes?limit=1000", "changes").await;
        let got_all = eventually(async || {
            let got_all = self.host.has_all(&feed) && self.reader.has_all(&feed);
            if !got_all {
                // An attempt that failed is repeated after five seconds, after others minutes later.
                self.some_time_passes();
            }
            got_all
        });
        let got_all = got_all.await;
        for user in USERS {
            let records = self.daemon.app.records(user).await;
            self.host.agrees(user, &records, &feed);
        }
        self.reader.agrees(&feed);
        assert!(got_all, "seed {}", self.seed);
    }

    /// Notifications still work after all that.
    async fn a_weight_arrives_by_notification(&mut self) {
        self.some_time_passes();
        self.withings_measures();
        let grams = *self.untouched.last().unwrap();
        let arrived = eventually(async || {
            let feed = self.daemon.app.changes().await;
            let value = |change: &Value| change["record"]["measurement"]["value"].as_f64();
            let of_it = |change: &&Value| value(change) == Some(grams as f64 / 1_000.0);
            feed.iter().find(of_it).is_some_and(|change| change["cause"] == "notification")
        });
        let seed = self.seed;
        assert!(
            arrived.await,
            "seed {seed}: {}",
            self.daemon.app.connection("ann", "withings").await
        );
        let there = || PARTNERS[1..].iter().all(|it| grams_at(&self.control, it, grams));
        assert!(eventually(async || there()).await, "seed {seed}: {grams} was not pushed");
    }

    fn tell(&self) {
        for partner in NOTIFYING {
            let partner_deliveries = self.control.deliveries(partner).unwrap();
            let Deliveries { made, sent, dropped, doubled, .. } = partner_deliveries;
            let (seed, host) = (self.seed, self.host.figures());
            println!(
                "seed {seed}: {partner} made {made} notifications, sent {sent} times, lost {dropped}, doubled {doubled}; {host}"
            );
        }
    }

    async fn host_grams(&self) -> Vec<i64> {
        let values = values(&self.daemon.app.records("ann").await, "weight");
        values.iter().map(|kilograms| (kilograms * 1_000.0).round() as i64).collect()
    }

    async fn check(&self) {
        let host = self.host_grams().await;
        let mut once = host.clone();
        once.dedup();
        assert_eq!(once, host, "seed {}: there are duplicates", self.seed);
        for grams in &self.untouched {
            assert!(host.contains(grams), "seed {}: {grams} is lost of {host:?}", self.seed);
        }
        for partner in PARTNERS {
            let counts = self.control.counts(partner).unwrap();
            assert_eq!(counts.refresh_token_reuse, 0, "seed {}: {partner}", self.seed);
        }
    }
}

fn grams_at(control: &Control, partner: &str, wanted: i64) -> bool {
    grams(control, partner).contains(&wanted)
}

#[tokio::test]
async fn after_any_history_of_edits_outages_and_crashes_everybody_agrees() {
    let seeds: Vec<u64> = match std::env::var("HISTORY") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (1..=5).collect(),
    };
    for seed in seeds {
        let mut history = History::begin(seed).await;
        for _ in 0..STEPS {
            history.step().await;
            // Time for a notification or a webhook, or none.
            let pause = history.chance.random_range(0..60);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        history.come_to_rest().await;
        history.a_weight_arrives_by_notification().await;
        history.check().await;
        history.followers_agree().await;
        history.tell();
    }
}
