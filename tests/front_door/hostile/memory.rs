//! What answers of any size cost. The figures are those of the whole process, as Linux counts them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use partner_sandbox::Control;
use reqwest::Method;
use serde_json::{Value, json};

use super::Hostile;
use super::fake::Answer;
use crate::harness::eventually;

/// What an attack may take above what the daemon had before, in MB.
const MOST_MB: u64 = 150;

/// The longest time without a poll of the other partner, whose only user is polled each second. On
/// machines that others use, too.
const LONGEST_GAP: Duration = Duration::from_secs(5);

const MIB: usize = 1024 * 1024;

/// A partner that attacks, with some users, and one beside it whose user is polled each second.
struct Attack {
    hostile: Hostile,
    before_mb: u64,
}

impl std::ops::Deref for Attack {
    type Target = Hostile;

    fn deref(&self) -> &Hostile {
        &self.hostile
    }
}

impl Attack {
    async fn by(partner: &'static str, other: &str, users: usize) -> Self {
        let settings = "[scheduler]\ngroups = [\"1s\"]\nmin_gap = \"100ms\"\njitter = 0.0\n\
                        call_timeout = \"2s\"\n";
        let hostile = Hostile::start(partner, &[other], settings).await;
        for user in 0..users {
            let name = format!("user{user}");
            hostile.connect(&name).await;
        }
        for user in 0..users {
            hostile.daemon.app.first_sync(&format!("user{user}"), partner).await;
        }
        hostile.daemon.app.connect(&hostile.sandbox, "other", other).await;
        let before_mb = hostile.daemon.memory_mb("VmRSS");
        hostile.daemon.forget_the_peak();
        Self { hostile, before_mb }
    }

    /// Lets the attack take so long, and checks what it cost; returns the timeline's last line.
    async fn lasts(&self, what: &str, time: Duration, other: &str) -> Value {
        let gap = longest_gap(&self.sandbox.control(), other, time).await;
        let peak = self.daemon.memory_mb("VmHWM");
        let above = peak.saturating_sub(self.before_mb);
        println!("{what}: {above} MB above {} MB, longest gap of {other} {gap:?}", self.before_mb);
        assert!(above <= MOST_MB, "{what}: {above} MB");
        assert!(gap <= LONGEST_GAP, "{what}: {other} waited {gap:?}");
        let timeline = self.daemon.app.timeline("user0").await;
        let line = timeline.iter().find(|line| line["partner"] == self.partner);
        line.cloned().unwrap_or_default()
    }
}

/// How long the other partner was not called.
async fn longest_gap(control: &Control, partner: &str, time: Duration) -> Duration {
    let calls = || control.counts(partner).unwrap().by_path.values().sum::<u64>();
    let (mut seen, mut last, mut longest) = (calls(), Instant::now(), Duration::ZERO);
    let began = Instant::now();
    while began.elapsed() < time {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = calls();
        if now != seen {
            (seen, last) = (now, Instant::now());
        }
        longest = longest.max(last.elapsed());
    }
    longest
}

/// An answer to getmeas with `count` empty lists in place of groups.
fn empty_lists(count: usize) -> Answer {
    let lists = vec!["[]"; count].join(",");
    Answer::json(format!(r#"{{"status":0,"body":{{"updatetime":1,"measuregrps":[{lists}]}}}}"#))
}

/// An answer to getmeas of that many bytes in all, with one group that has a long text.
fn long_text(bytes: usize) -> Answer {
    let text = "x".repeat(bytes.saturating_sub(100));
    let group = format!(r#"{{"grpid":1,"comment":"{text}","measures":[]}}"#);
    Answer::json(format!(r#"{{"status":0,"body":{{"updatetime":1,"measuregrps":[{group}]}}}}"#))
}

#[tokio::test]
async fn millions_of_values_in_an_answer_cost_little_memory() {
    let attack = Attack::by("withings", "runkeeper", 4).await;
    for (what, answer, says) in [
        ("16 MB of empty lists", empty_lists(5_300_000), "larger than 8 MiB"),
        ("16 MB of empty lists, gzipped", empty_lists(5_300_000).gzipped(), "larger than 8 MiB"),
        ("8 MB of empty lists", empty_lists(2_700_000), "more than 50,000 items"),
        ("8 MB of empty lists, gzipped", empty_lists(2_700_000).gzipped(), "more than 50,000"),
        (
            "50,000 empty lists",
            empty_lists(50_000),
            "more than 1000 items of a page cannot be read",
        ),
    ] {
        attack.answers_getmeas(answer);
        let line = attack.lasts(what, Duration::from_secs(10), "runkeeper").await;
        let sync = attack.daemon.app.sync("user0", "withings").await;
        assert!(sync["summary"].as_str().unwrap().contains(says), "{what}: {sync} {line}");
    }
}

#[tokio::test]
async fn bodies_that_hang_before_their_last_byte_are_bounded_together() {
    let attack = Attack::by("withings", "runkeeper", 60).await;
    for (what, answer) in [
        ("60 bodies of 16 MB that hang", long_text(16 * MIB).that_hangs()),
        ("60 bodies of 8 MB that hang", long_text(8 * MIB - 200).that_hangs()),
        ("60 bodies of 1 MB that hang", long_text(MIB - 200).that_hangs()),
        ("60 bodies without end", Answer::json(vec![b' '; 60_000]).without_end()),
    ] {
        attack.answers_getmeas(answer);
        let line = attack.lasts(what, Duration::from_secs(12), "runkeeper").await;
        assert_eq!(line["outcome"], "failed", "{what}: {line}");
    }
    // Nobody waits for room for ever: all are read again when the partner is well.
    attack.answers_getmeas(empty_lists(0));
    let again = (0..60).map(async |user| {
        attack.daemon.app.sync_ok(&format!("user{user}"), "withings").await;
    });
    futures_util::future::join_all(again).await;
}

#[tokio::test]
async fn a_look_up_whose_pages_do_not_end_costs_little_memory() {
    let mut attack = Attack::by("runkeeper", "withings", 1).await;
    let app = &attack.daemon.app.clone();
    let item = r#"{"uri":"/weight/%","timestamp":"Sat, 1 Nov 2025 07:00:00","weight":70}"#;
    let items: Vec<String> = (0..100_000).map(|id| item.replace('%', &id.to_string())).collect();
    let items: Vec<String> = [900, 49_000, items.len()].map(|most| items[..most].join(",")).into();
    let (pages, short) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (pages, short) = (&*Box::leak(Box::new(pages)), &*Box::leak(Box::new(short)));
    attack.fake.answers(move |request| {
        let request = &request.line;
        if request.starts_with("POST /weight") {
            return Some(Answer::json("{}").status(500));
        }
        if !request.starts_with("GET /weight") || !request.contains("noLaterThan") {
            return None;
        }
        let page = pages.fetch_add(1, Ordering::Relaxed);
        let items = &items[short.load(Ordering::Relaxed)];
        let next = format!("/weight?page={page}&noLaterThan=2027-01-01");
        Some(Answer::json(format!(r#"{{"items":[{items}],"next":"{next}"}}"#)))
    });
    let choice = json!({"push": {"weight": true}}).to_string();
    let path = "/v1/users/user0/connections/runkeeper";
    assert_eq!(app.call(Method::PATCH, path, Some(&choice)).await.0, 200);
    let at = chrono::DateTime::from_timestamp(attack.sandbox.control().now() - 60, 0).unwrap();
    let record = json!({"kind": "measurement", "app_id": "1", "start": at.to_rfc3339(),
        "measurement": {"type": "weight", "value": 71.5}});
    let body = json!({"records": [record]}).to_string();
    let (status, added) = app.call(Method::POST, "/v1/users/user0/records", Some(&body)).await;
    assert_eq!(status, 201, "{added}");
    for (size, says) in [
        (0, "its pages do not end after 20"),
        (1, "its pages have more than 20000 records"),
        (2, "a list in the answer has more than 50,000 items"),
    ] {
        short.store(size, Ordering::Relaxed);
        // What could not be looked up is looked up again later.
        let hostile = &mut attack.hostile;
        hostile.daemon.let_pass(&hostile.sandbox, Duration::from_secs(2 * 3_600));
        let before = pages.load(Ordering::Relaxed);
        let line = attack.lasts(says, Duration::from_secs(4), "withings").await;
        let has_said = |line: &Value| line["summary"].as_str().unwrap().contains(says);
        let ended = eventually(async || app.timeline("user0").await.iter().any(has_said));
        assert!(ended.await, "{says}: {line} {:?}", app.timeline("user0").await);
        println!("{says}: {} pages", pages.load(Ordering::Relaxed) - before);
    }
    let above = attack.daemon.memory_mb("VmHWM").saturating_sub(attack.before_mb);
    println!("look-ups without end: {above} MB above {} MB", attack.before_mb);
    assert!(above <= MOST_MB, "{above} MB");
}
