//! Floods of notifications, genuine and forged ones, with a kill in the middle. They are 1,000 each, or
//! what the environment says: `NOTIFICATIONS=10000`.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use partner_sandbox::{Control, Flood, FloodReport, NotificationFaults, Sandbox};

use crate::harness::{Daemon, MOVED_CLOCK, NOTIFIED, eventually, sandbox, weight};

/// The notifications of each connection; there are a thousand connections at most.
const EACH: u32 = 10;

/// Withings does not wait any longer for an answer.
const WITHIN_MS: f64 = 2_000.0;

/// How many a partner sends at the same time.
const AT_ONCE: u32 = 64;

/// Of each user; they are about five topics.
const SUBSCRIPTIONS: usize = 5;

fn notifications() -> u32 {
    let named = std::env::var("NOTIFICATIONS").ok();
    named.map_or(1_000, |text| text.parse().unwrap())
}

/// A daemon that polls once an hour, and a partner with many users whose notifications are all lost but
/// those of a flood.
struct Crowd {
    sandbox: Sandbox,
    control: Control,
    daemon: Daemon,
    users: Vec<String>,
    /// The weights that were entered of each.
    weights: i64,
    /// How many calls one poll takes.
    of_one_poll: u64,
}

impl Crowd {
    async fn connect(users: u32) -> Self {
        let sandbox = sandbox();
        let settings = "[scheduler]\ngroups = [\"1h\"]\n";
        let daemon =
            Daemon::start_of(&["withings"], &sandbox, settings, &[MOVED_CLOCK, NOTIFIED]).await;
        let users: Vec<String> = (0..users).map(|number| format!("user-{number}")).collect();
        let (app, began) = (&daemon.app, Instant::now());
        let connects = stream::iter(&users).map(|user| app.connect(&sandbox, user, "withings"));
        connects.buffer_unordered(8).collect::<Vec<()>>().await;
        let control = sandbox.control();
        let expected = users.len() * SUBSCRIPTIONS;
        let subscribed = async || control.subscriptions("withings").unwrap().len() == expected;
        assert!(eventually(subscribed).await, "{expected} subscriptions");
        let silent = NotificationFaults { silent: true, ..NotificationFaults::default() };
        control.set_notification_faults("withings", silent).unwrap();
        println!("{} users connected in {:?}", users.len(), began.elapsed());
        let mut crowd = Self { control, sandbox, daemon, users, weights: 0, of_one_poll: 0 };
        crowd.of_one_poll = crowd.calls_of_a_poll().await;
        crowd
    }

    /// The calls of the poll that one notification leads to.
    async fn calls_of_a_poll(&mut self) -> u64 {
        self.weigh();
        let report = self.flood("one", 1, false).await;
        assert_eq!(report.by_status, [("200".to_owned(), 1)].into());
        assert!(eventually(async || self.up_to_date().await.len() == 1).await);
        self.idle().await;
        self.calls()
    }

    /// Each user steps on the scale, and nobody hears of it.
    fn weigh(&mut self) {
        // Withings refuses to repeat a call within ten seconds.
        self.daemon.let_pass(&self.sandbox, Duration::from_secs(11));
        self.weights += 1;
        for user in &self.users {
            let group = weight(&self.control, 60_000 + 100 * self.weights, 60 - self.weights);
            self.control.append("withings", user, "measure", vec![group]).unwrap();
        }
        self.control.reset_counts("withings").unwrap();
    }

    fn calls(&self) -> u64 {
        self.control.counts("withings").unwrap().calls
    }

    async fn flood(&self, what: &str, count: u32, forged: bool) -> FloodReport {
        let control = self.control.clone();
        let flood = Flood { count, concurrency: AT_ONCE, forged, forgery: None };
        let sent = tokio::task::spawn_blocking(move || control.flood("withings", &flood).unwrap());
        let report = sent.await.unwrap();
        println!("{what}: {report:?}");
        assert_eq!(report.count, count);
        assert!(report.max_ms < WITHIN_MS, "{report:?}");
        report
    }

    /// The users who have all their weights here.
    async fn up_to_date(&self) -> BTreeSet<String> {
        let mut weights = std::collections::BTreeMap::<String, i64>::new();
        for change in self.daemon.app.changes().await {
            let user = change["record"]["user_id"].as_str().unwrap().to_owned();
            *weights.entry(user).or_default() += 1;
        }
        weights.retain(|_, count| *count == self.weights);
        weights.into_keys().collect()
    }

    async fn all_arrive(&self) {
        let all = eventually(async || self.up_to_date().await.len() == self.users.len()).await;
        assert!(all, "{} of {}", self.up_to_date().await.len(), self.users.len());
        self.idle().await;
    }

    /// Lets what was put off take place.
    async fn later(&mut self) {
        self.daemon.let_pass(&self.sandbox, Duration::from_secs(11));
        tokio::time::sleep(Duration::from_secs(2)).await;
        self.idle().await;
    }

    async fn idle(&self) {
        let idle = async || self.daemon.actor("withings").await["sessions_busy"] == 0;
        assert!(eventually(idle).await);
    }

    /// Sends each user's notifications, user after user, but none to the last quarter. Kills the daemon
    /// when half of the users have theirs, and starts it. Returns the users of whom one was taken.
    async fn flood_and_kill(&mut self) -> BTreeSet<String> {
        let subscriptions = self.control.subscriptions("withings").unwrap();
        let url = subscriptions[0].callback.clone().unwrap();
        let mut bodies = Vec::new();
        for user in &self.users[..self.users.len() * 3 / 4] {
            let connection = self.daemon.app.connection(user, "withings").await;
            let account = connection["external_user_id"].as_str().unwrap();
            let now = self.control.now();
            let body = format!("userid={account}&appli=1&startdate={}&enddate={now}", now - 3_600);
            bodies.extend((0..EACH).map(|_| (user.clone(), body.clone())));
        }
        let client = partner_sdk::http_client().unwrap();
        let (sent, half) = (AtomicUsize::new(0), bodies.len() * 2 / 3);
        let taken = Mutex::new(BTreeSet::new());
        let (refused, slowest) = (AtomicUsize::new(0), Mutex::new(Duration::ZERO));
        let began = Instant::now();
        let sending =
            stream::iter(bodies).for_each_concurrent(AT_ONCE as usize, async |(user, body)| {
                let request = client.post(&url).body(body);
                let form = "application/x-www-form-urlencoded";
                let asked = Instant::now();
                let answer = request.header("content-type", form).send().await;
                match answer.map(|answer| answer.status().as_u16()) {
                    Ok(status) => {
                        assert_eq!(status, 200);
                        let mut slowest = slowest.lock().unwrap();
                        *slowest = asked.elapsed().max(*slowest);
                        taken.lock().unwrap().insert(user);
                    }
                    Err(_) => {
                        refused.fetch_add(1, Ordering::Relaxed);
                        // A partner would try again much later.
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
                sent.fetch_add(1, Ordering::Relaxed);
            });
        let (control, sandbox, daemon) = (&self.control, &self.sandbox, &mut self.daemon);
        let killing = async {
            while sent.load(Ordering::Relaxed) < half {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let taken = taken.lock().unwrap().len();
            daemon.kill();
            let calls = control.counts("withings").unwrap().calls;
            println!(
                "killed when {taken} users had been announced and {calls} calls made for them"
            );
            // What is asked for again at once, Withings refuses.
            daemon.let_pass(sandbox, Duration::from_secs(11));
            daemon.launch().await;
        };
        tokio::join!(sending, killing);
        let (taken, slowest) = (taken.into_inner().unwrap(), slowest.into_inner().unwrap());
        println!(
            "with a kill: {} of {} users taken in {:?}, slowest {slowest:?}, {} refused connections",
            taken.len(),
            self.users.len(),
            began.elapsed(),
            refused.into_inner()
        );
        assert!(slowest.as_secs_f64() * 1_000.0 < WITHIN_MS, "{slowest:?}");
        taken
    }
}

#[tokio::test]
async fn a_flood_is_answered_in_time_costs_few_calls_and_is_not_lost_by_a_kill() {
    let count = notifications();
    let mut crowd = Crowd::connect((count / EACH).clamp(8, 1_000)).await;
    let users = crowd.users.len() as u64;

    crowd.weigh();
    let report = crowd.flood("forged", count, true).await;
    assert!(!report.by_status.contains_key("unreachable"), "{report:?}");
    // Long enough for what they would have caused.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(crowd.calls(), 0, "forged ones cost nothing");
    assert!(crowd.up_to_date().await.is_empty());

    let report = crowd.flood("one for each user", users as u32, false).await;
    assert_eq!(report.by_status, [("200".to_owned(), users as u32)].into());
    crowd.all_arrive().await;
    let (calls, of_one_poll) = (crowd.calls(), crowd.of_one_poll);
    println!("{calls} calls for {users} connections, {of_one_poll} for a poll");
    assert_eq!(calls, users * of_one_poll, "one poll for each connection");

    crowd.weigh();
    let report = crowd.flood("many for each user", count, false).await;
    assert_eq!(report.by_status, [("200".to_owned(), count)].into());
    crowd.all_arrive().await;
    // What comes after a sync has begun may be news once more; when it was none the next waits ten
    // seconds.
    crowd.later().await;
    let calls = crowd.calls();
    println!("{calls} calls for {users} connections");
    let rounds = 2 + (report.seconds / 10.0).ceil() as u64;
    assert!(calls <= users * of_one_poll * rounds, "{calls} calls in {rounds} rounds");

    crowd.weigh();
    // Many wait for their sync when the kill comes.
    let slow = serde_json::json!({"fault": {"kind": "latency", "ms": 500}});
    crowd.control.add_fault("withings", serde_json::from_value(slow).unwrap()).unwrap();
    let taken = crowd.flood_and_kill().await;
    crowd.control.clear_faults("withings").unwrap();
    let began = Instant::now();
    let arrived = eventually(async || taken.is_subset(&crowd.up_to_date().await)).await;
    let lost = taken.difference(&crowd.up_to_date().await).count();
    assert!(arrived, "{lost} of {} are lost", taken.len());
    println!("all of them have their weight {:?} after it", began.elapsed());
    let others = &crowd.users[crowd.users.len() * 3 / 4..];
    let up_to_date = crowd.up_to_date().await;
    let polled = others.iter().filter(|user| up_to_date.contains(*user)).count();
    assert_eq!(polled, 0, "nobody announced them, and the start does not look for them");
}
