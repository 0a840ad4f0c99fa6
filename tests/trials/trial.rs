//! A trial: lives of a daemon, each ended by a kill, and what is there at the end.

use std::time::{Duration, Instant};

use partner_sandbox::{Control, FaultRule, Options, Sandbox, TokenRules};
use reqwest::Method;
use serde_json::{Value, json};

use crate::actions::{act, call, connect};
use crate::agreement::{Wrong, wrong};
use crate::chance::Chance;
use crate::figures::Figures;
use crate::harness::{Daemon, MOVED_CLOCK, TIMEOUT};
use crate::lost::{Kill, used_twice};
use crate::outages::{Outage, Outages, Span, faults};
use crate::people::Person;

const PARTNERS: [&str; 3] = ["withings", "runkeeper", "fitbit"];

/// Tokens are renewed a minute before they end: each pair is used for some seconds.
const ACCESS_SECONDS: i64 = 61;

const SETTINGS: &str = "[scheduler]\nmin_gap = \"10ms\"\ngroups = [\"800ms\"]\n\
    call_timeout = \"5s\"\n[vault]\nkey_file = \"syncwell.key\"\n";

/// More cost a life more than they can show.
const MOST_PEOPLE: usize = 10;

/// How long a life waits, where there are outages, for its daemon to be ready: it is not in one.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the end may take without anything becoming better.
const STANDSTILL: Duration = Duration::from_secs(40);

/// After how much of it time is let pass, and how much at first, twice as much each time: what a list
/// may have missed for a moment only, and what failed, is tried again after a while. In a few hours
/// everything is clear, for better or worse.
const PASSES_AFTER: Duration = Duration::from_secs(3);
const PASSES: Duration = Duration::from_secs(90);

pub(crate) struct Trial {
    title: &'static str,
    seed: u64,
    chance: Chance,
    sandbox: Sandbox,
    pub(crate) control: Control,
    pub(crate) daemon: Daemon,
    pub(crate) people: Vec<Person>,
    pub(crate) to_connect: Vec<(String, &'static str)>,
    /// Connections whose loss is explained, until they work again.
    pub(crate) known_lost: Vec<(String, &'static str)>,
    pub(crate) kills: Vec<Kill>,
    outages: Option<Outages>,
    /// The outages that are over, once there are none any more.
    spans: Vec<Span>,
    pub(crate) figures: Figures,
    /// Whether this life's daemon has been ready.
    was_ready: bool,
    rotation: Rotation,
}

/// What becomes of a refresh token that was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// It is dead once the answer is made: a kill that takes the answer ends the connection.
    Strict,
    /// It works as long as the partner's documentation says: no kill may end a connection.
    Documented,
}

impl Trial {
    /// A daemon with this database, and users who are connected.
    pub(crate) async fn new(title: &'static str, url: &str, seed: u64, rotation: Rotation) -> Self {
        let options =
            Options { accounts: 0, history_days: 0, unlimited: true, seed, ..Options::default() };
        let sandbox = Sandbox::start(options).unwrap();
        let control = sandbox.control();
        let rotates_strictly = rotation == Rotation::Strict;
        let rules = TokenRules { access_seconds: Some(ACCESS_SECONDS), rotates_strictly };
        for partner in PARTNERS {
            control.set_token_rules(partner, rules).unwrap();
        }
        let environment = [
            ("SYNCWELL__DATABASE__URL", url),
            ("SYNCWELL__LOG__FILTER", "info,actix_server=warn"),
            // Longer than a call of a killed process lies in a socket, on a busy machine too.
            ("SYNCWELL__SCHEDULER__LATE_CALLS", "1s"),
            MOVED_CLOCK,
        ];
        let daemon = Daemon::start_of(&PARTNERS, &sandbox, SETTINGS, &environment).await;
        let people = vec![
            Person::new(&control, "ann", &PARTNERS),
            Person::new(&control, "ben", &["withings", "runkeeper"]),
            Person::new(&control, "cem", &["withings", "fitbit"]),
            Person::new(&control, "dag", &["runkeeper", "fitbit"]),
        ];
        let mut trial = Self {
            title,
            seed,
            chance: Chance::new(seed),
            sandbox,
            control,
            daemon,
            people,
            to_connect: Vec::new(),
            known_lost: Vec::new(),
            kills: Vec::new(),
            outages: None,
            spans: Vec::new(),
            figures: Figures::default(),
            was_ready: false,
            rotation,
        };
        for person in &trial.people {
            for partner in person.partners {
                connect(&trial.daemon.app, &person.name, partner).await;
            }
        }
        trial.look_after_connections().await;
        assert!(trial.to_connect.is_empty(), "all are connected");
        trial
    }

    /// Kills the daemon that often, lets it settle, and checks what is there.
    pub(crate) async fn run(mut self, kills: u64, outage: Option<Box<dyn Outage>>) -> Figures {
        println!("{}: {kills} kills, TRIAL={}", self.title, self.seed);
        let began = Instant::now();
        let chance = Chance::new(self.seed + 1);
        self.outages = outage.map(|it| Outages::begin(it, chance, self.control.clone()));
        assert!(self.daemon.stop().await.success());
        while self.figures.kills < kills {
            if self.figures.kills % 12 == 5 && self.people.len() < MOST_PEOPLE {
                self.newcomer();
            }
            self.live().await;
            if self.figures.kills % 50 == 49 {
                println!(
                    "{}: {} kills in {:.0} s",
                    self.title,
                    self.figures.kills + 1,
                    began.elapsed().as_secs_f64()
                );
            }
        }
        // Until the end, since the database stands on it.
        self.spans = self.spans();
        self.figures.outages = self.spans.len();
        let _outage = self.outages.take().map(Outages::end);
        let wrong = self.settle().await;
        for partner in PARTNERS {
            let counts = self.control.counts(partner).unwrap();
            self.figures.refreshes += counts.refreshes;
            self.figures.dead_tokens += counts.refresh_token_reuse;
            for person in &self.people {
                let calls = self.control.token_calls(partner, &person.name).unwrap_or_default();
                self.figures.tokens_used_twice += used_twice(&calls);
            }
        }
        println!("{}, {:.0} s:\n{}", self.title, began.elapsed().as_secs_f64(), self.figures);
        assert!(
            wrong.is_empty()
                && self.figures.unexplained() == 0
                && self.figures.tokens_used_twice == 0,
            "TRIAL={}: {wrong:#?}\n{}",
            self.seed,
            self.figures
        );
        assert!(
            self.rotation == Rotation::Strict || self.figures.lost_connections.is_empty(),
            "TRIAL={}: partners that rotate as documented end no connection\n{}",
            self.seed,
            self.figures
        );
        self.figures
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.outages.as_ref().map_or_else(|| self.spans.clone(), Outages::spans)
    }

    fn newcomer(&mut self) {
        let name = format!("new-{}", self.figures.kills);
        let mut person = Person::new(&self.control, &name, &["withings"]);
        let weights = if self.chance.percent(50) { 120 } else { 260 };
        person.has_a_past(&self.control, "withings", weights);
        self.figures.typed_in += weights.unsigned_abs();
        self.people.push(person);
    }

    /// One life, from a start to a kill.
    async fn live(&mut self) {
        self.vary_answers();
        let life = self.chance.milliseconds(3, 1_200);
        if self.chance.percent(10) {
            self.was_ready = false;
            self.daemon.spawn();
            tokio::time::sleep(life / 6).await;
            if self.daemon.is_running() {
                self.figures.kills_in_starts += 1;
                self.kill();
            } else {
                assert!(self.outages.is_some(), "it does not start: {}", last_of(&self.daemon));
            }
            return;
        }
        self.start(if self.outages.is_some() { PATIENCE } else { TIMEOUT }).await;
        self.look_after_connections().await;
        let until = Instant::now() + life;
        let app = self.daemon.app.clone();
        let (mut people, mut to_connect) =
            (std::mem::take(&mut self.people), std::mem::take(&mut self.to_connect));
        let (mut chance, mut figures) =
            (Chance::new(self.chance.below(1 << 40) as u64), Figures::default());
        let control = self.control.clone();
        let acts =
            act(&app, &control, &mut people, &mut to_connect, &mut chance, &mut figures, until);
        let pause = self.chance.percent(5).then(|| self.chance.milliseconds(5, 300));
        let kills = async {
            tokio::time::sleep_until(until.into()).await;
            if let Some(pause) = pause.filter(|_| self.daemon.is_running()) {
                // As a machine that sleeps: callers wait, and it goes on where it was.
                self.figures.pauses += 1;
                self.daemon.signal("STOP");
                tokio::time::sleep(pause).await;
                self.daemon.signal("CONT");
            }
            self.kill()
        };
        let ((), killed) = tokio::join!(acts, kills);
        (self.people, self.to_connect) = (people, to_connect);
        // A life may have been too short, or too slow, for a write of its own.
        let lately = self.kills.iter().rev().take(5).map(|kill| kill.slowest_write).max();
        if let Some(kill) = self.kills.last_mut().filter(|_| killed) {
            kill.slowest_write = figures.slowest_write.max(lately.unwrap_or_default());
        }
        self.figures.acknowledged += figures.acknowledged;
        self.figures.cut += figures.cut;
        self.figures.typed_in += figures.typed_in;
    }

    /// Each answer of a partner takes some milliseconds of this life, and some are no answer.
    fn vary_answers(&mut self) {
        for partner in PARTNERS {
            self.control.clear_faults(partner).unwrap();
            let ms = self.chance.below(60);
            let mut rules = vec![json!({"fault": {"kind": "latency", "ms": ms}})];
            if self.chance.percent(20) {
                let fault = self.chance.pick(&faults()).cloned().unwrap();
                let (skip, times) = (self.chance.below(6), 1 + self.chance.below(4));
                // Whatever a partner says about tokens is true: else it would end a connection itself.
                let path = match partner {
                    "withings" => "/measure",
                    "runkeeper" => "/weight",
                    _ => "/1/user",
                };
                let on = json!({"path": path});
                rules.push(json!({"on": on, "skip": skip, "times": times, "fault": fault}));
            }
            for rule in rules {
                let rule: FaultRule = serde_json::from_value(rule).unwrap();
                self.control.add_fault(partner, rule).unwrap();
            }
        }
    }

    /// Whether it was alive to be killed.
    fn kill(&mut self) -> bool {
        if !self.daemon.is_running() {
            // Only before it was ready: an outage may refuse it the start.
            assert!(!self.was_ready, "the daemon ended by itself: {}", last_of(&self.daemon));
            return false;
        }
        for partner in PARTNERS {
            for calls in self.control.under_way(partner).unwrap() {
                self.figures.lands(partner, calls.kind, calls.calls);
            }
        }
        let before = self.control.elapsed();
        self.daemon.kill();
        let after = self.control.elapsed();
        self.kills.push(Kill { before, after, slowest_write: Duration::ZERO });
        self.figures.kills += 1;
        true
    }

    /// Starts the daemon; one that cannot start because of an outage is started again. Waits so long
    /// for it to be ready, which it need not be while it cannot write.
    async fn start(&mut self, patience: Duration) {
        let began = Instant::now();
        let mut spawned = Instant::now();
        self.was_ready = false;
        self.daemon.spawn();
        while began.elapsed() < patience {
            if !self.daemon.is_running() {
                assert!(self.outages.is_some(), "it does not start: {}", last_of(&self.daemon));
                self.figures.refused_starts += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
                spawned = Instant::now();
                self.daemon.spawn();
            }
            let ready = self.daemon.app.client.get(format!("{}/readyz", self.daemon.address));
            if ready.send().await.is_ok_and(|answer| answer.status() == 200) {
                self.figures.ready.push(spawned.elapsed());
                self.was_ready = true;
                return;
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        assert!(self.outages.is_some(), "never ready: {}", last_of(&self.daemon));
    }

    /// Lets the last daemon live until all is there, or until nothing becomes better any more.
    async fn settle(&mut self) -> Vec<Wrong> {
        // Time is let pass from here on, by more than those tokens live.
        let rotates_strictly = self.rotation == Rotation::Strict;
        let rules = TokenRules { access_seconds: None, rotates_strictly };
        for partner in PARTNERS {
            self.control.clear_faults(partner).unwrap();
            self.control.set_token_rules(partner, rules).unwrap();
        }
        self.daemon.kill_if_running();
        self.start(Duration::from_secs(60)).await;
        let began = Instant::now();
        let (mut least, mut progress, mut passed) = (usize::MAX, Instant::now(), 0);
        loop {
            self.look_after_connections().await;
            let app = self.daemon.app.clone();
            for (user, partner) in std::mem::take(&mut self.to_connect) {
                connect(&app, &user, partner).await;
            }
            let mut wrong = Vec::new();
            for person in &self.people {
                let path = format!("/v1/users/{}/sync", person.name);
                call(&app, Method::POST, &path, &Value::Null).await;
                wrong.extend(self::wrong(&app, &self.control, person).await);
            }
            if wrong.len() < least {
                (least, progress, passed) = (wrong.len(), Instant::now(), 0);
            }
            if wrong.is_empty() || progress.elapsed() > STANDSTILL {
                let count = |of: fn(&Wrong) -> bool| wrong.iter().filter(|it| of(it)).count();
                self.figures.lost = count(|it| matches!(it, Wrong::Lost(_)));
                self.figures.doubled = count(|it| matches!(it, Wrong::Doubled(_)));
                self.figures.other = count(|it| matches!(it, Wrong::Other(_)));
                self.figures.settled_in = began.elapsed();
                if !wrong.is_empty() {
                    self.tell_timelines().await;
                }
                return wrong;
            }
            if progress.elapsed() > PASSES_AFTER * (passed + 1) {
                self.daemon.let_pass(&self.sandbox, PASSES * (1 << passed.min(7)));
                passed += 1;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Trial {
    /// What the last syncs of each user of several partners did, for whoever has to find the fault.
    async fn tell_timelines(&self) {
        for person in self.people.iter().filter(|person| person.partners.len() > 1) {
            for line in self.daemon.app.timeline(&person.name).await.iter().take(6) {
                println!(
                    "{} {} {}: {}",
                    person.name, line["partner"], line["began_at"], line["summary"]
                );
            }
        }
    }
}

/// The end of what a daemon logged.
fn last_of(daemon: &Daemon) -> String {
    let log = daemon.log();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
