//! What the page shows, and who is notified when that changes.
//!
//! Everything was counted by the daemon or by the simulated partners.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

use super::super::words;
use crate::clock::{Clock, SystemClock};

/// How many arrivals are shown.
const SHOWN: usize = 12;

/// How many new weights are asked for until both partners have them.
const ASKED_FOR: usize = 60;

/// How far the first round is.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(in crate::cli::demo) struct Round {
    /// People who connected both partners.
    pub(in crate::cli::demo) people: usize,
    /// Connections that were read.
    pub(in crate::cli::demo) read: usize,
    /// Connections there will be.
    pub(in crate::cli::demo) connections: usize,
    /// Whether it is over.
    pub(in crate::cli::demo) is_over: bool,
}

/// A change that came through the daemon's change feed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Arrival {
    pub(super) at: DateTime<Utc>,
    pub(super) person: String,
    /// `weight 71.3 kg`.
    pub(super) what: String,
    /// `created`, `updated` or `deleted`.
    pub(super) change: String,
    /// The partner's title.
    pub(super) from: String,
    /// How many more came with it: a scale sends several values at once.
    pub(super) more: usize,
}

impl Arrival {
    fn came_with(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.at, it.person.clone(), it.change.clone(), it.from.clone());
        of(self) == of(other)
    }
}

/// A partner, as it counts itself, and as the daemon sees it.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Side {
    pub(super) partner: String,
    pub(super) title: String,
    /// Since when it answers 503.
    pub(super) down_since: Option<DateTime<Utc>>,
    /// The calls that were answered 503 since then.
    pub(super) failed: u32,
    /// What it holds.
    pub(super) items: usize,
    /// Of how many people.
    pub(super) accounts: usize,
    /// What others may write there.
    pub(super) takes: Vec<String>,
    /// Calls since the start.
    pub(super) calls: u64,
    /// Calls over its limit.
    pub(super) over_limit: u64,
    /// Calls in the window of its limit, once a second, oldest first.
    pub(super) window: Vec<u64>,
    /// The most calls in any such window.
    pub(super) most: usize,
    /// How many it allows there.
    pub(super) allowed: Option<u32>,
    /// How long the window is.
    pub(super) window_s: u32,
    /// Calls that wrote something.
    pub(super) writes: u64,
    /// `closed`, `open` or `half_open`: whether the daemon calls it.
    pub(super) circuit: String,
    /// When the daemon tries again.
    pub(super) retry_at: Option<DateTime<Utc>>,
    /// Connections that are due and wait.
    pub(super) waiting: u64,
}

/// A person, with the newest weight at each partner.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Person {
    pub(super) name: String,
    /// Kilograms by partner.
    pub(super) weights: BTreeMap<String, f64>,
    pub(super) state: PersonState,
}

/// What became of the newest weight at Withings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PersonState {
    /// It is older than the demo.
    NothingNew,
    /// The daemon refused it.
    Refused,
    /// RunKeeper does not have it yet.
    OnItsWay,
    /// RunKeeper has it.
    InStep,
}

/// A record that both partners have and that is one record here.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Shared {
    pub(super) person: String,
    pub(super) what: String,
    pub(super) from: String,
    /// The id of the record here.
    pub(super) record: String,
    /// Each other partner and its own id of it.
    pub(super) at: Vec<(String, String)>,
}

/// Records that were refused for the same reason.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Refused {
    pub(super) reason: String,
    pub(super) count: usize,
    /// Whose the first one was, where from, and the partner's id of it.
    pub(super) person: String,
    pub(super) partner: String,
    pub(super) id: String,
}

/// A weight on its way.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Journey {
    pub(super) person: String,
    pub(super) kilograms: f64,
    pub(super) at: DateTime<Utc>,
    /// Milliseconds until the daemon had stored it, by the daemon's own time of the change.
    pub(super) stored_ms: Option<u64>,
    /// Milliseconds until the change feed had brought it.
    pub(super) heard_ms: Option<u64>,
    /// Milliseconds until the other partner had it.
    pub(super) arrived_ms: Option<u64>,
}

/// Syncs since the start.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Syncs {
    pub(super) done: u64,
    pub(super) failed: u64,
}

/// All of it.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Scene {
    pub(super) round: Round,
    pub(super) records: usize,
    /// Records that came after the first round.
    pub(super) new_records: usize,
    pub(super) syncs: Syncs,
    pub(super) journey: Option<Journey>,
    pub(super) arrived: VecDeque<Arrival>,
    pub(super) sides: Vec<Side>,
    pub(super) people: Vec<Person>,
    pub(super) shared: usize,
    pub(super) last_shared: Option<Shared>,
    pub(super) refused: Vec<Refused>,
    /// The newest arrival of each partner.
    #[serde(skip)]
    pub(super) newest: BTreeMap<String, Arrival>,
}

/// A new weight that is asked for until both partners have it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) person: String,
    pub(super) record: String,
    pub(super) what: String,
    pub(super) from: String,
}

#[derive(Default)]
struct Inner {
    scene: Scene,
    touched: BTreeSet<String>,
    asked: VecDeque<Asked>,
}

/// The scene, shared by the demo and its page.
pub(in crate::cli::demo) struct Board {
    inner: Mutex<Inner>,
    changed: watch::Sender<u64>,
    clock: SystemClock,
}

impl Board {
    pub(super) fn new() -> Self {
        let (inner, (changed, _)) = (Mutex::default(), watch::channel(0));
        Self { inner, changed, clock: SystemClock::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(super) fn scene(&self) -> Scene {
        self.lock().scene.clone()
    }

    /// Notifies of each change from now on.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Changes the scene, and notifies of it.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Scene) -> T) -> T {
        let done = change(&mut self.lock().scene);
        self.notify();
        done
    }

    /// Shows what was taken.
    pub(in crate::cli::demo) fn notify(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    /// How far the first round is.
    pub(in crate::cli::demo) fn round(&self, change: impl FnOnce(&mut Round)) {
        self.change(|scene| change(&mut scene.round));
    }

    /// Takes a change of the feed.
    pub(in crate::cli::demo) fn take(&self, change: &Value) {
        let now = self.now();
        let kind = words::text(change, "/change").unwrap_or_default();
        let person = words::text(change, "/record/user_id").unwrap_or_default().to_owned();
        let stored = words::text(change, "/at").and_then(|at| at.parse::<DateTime<Utc>>().ok());
        let arrival = Arrival {
            at: stored.unwrap_or(now),
            what: words::what(change),
            change: kind.to_owned(),
            from: words::source(change),
            person: person.clone(),
            more: 0,
        };
        let mut inner = self.lock();
        let is_live = inner.scene.round.is_over;
        match kind {
            "created" => {
                inner.scene.records += 1;
                inner.scene.new_records += usize::from(is_live);
            }
            "deleted" => inner.scene.records = inner.scene.records.saturating_sub(1),
            _ => {}
        }
        if let Some(kilograms) = words::weight(change) {
            if let Some(journey) = &mut inner.scene.journey
                && journey.heard_ms.is_none()
                && journey.person == person
                && (journey.kilograms - kilograms).abs() < 0.000_5
                && words::partner(change) == "withings"
            {
                let after = |at: DateTime<Utc>| {
                    u64::try_from((at - journey.at).num_milliseconds()).unwrap_or_default()
                };
                (journey.stored_ms, journey.heard_ms) = (stored.map(after), Some(after(now)));
            }
            let record = words::text(change, "/record/id");
            if let Some(record) = record.filter(|_| is_live && kind == "created") {
                let (record, what) = (record.to_owned(), arrival.what.clone());
                let from = arrival.from.clone();
                inner.asked.push_back(Asked { person: person.clone(), record, what, from });
                let excess = inner.asked.len().saturating_sub(ASKED_FOR);
                inner.asked.drain(..excess);
            }
        }
        inner.touched.insert(person);
        inner.scene.newest.insert(words::partner(change).to_owned(), arrival.clone());
        match inner.scene.arrived.front_mut() {
            Some(last) if last.came_with(&arrival) => last.more += 1,
            _ => inner.scene.arrived.push_front(arrival),
        }
        inner.scene.arrived.truncate(SHOWN);
    }

    /// People who had news since the last call.
    pub(super) fn touched(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.lock().touched)
    }

    /// A weight that may have reached both partners by now.
    pub(super) fn asked(&self) -> Option<Asked> {
        self.lock().asked.pop_front()
    }

    /// To be asked for again.
    pub(super) fn ask_again(&self, asked: Asked) {
        self.lock().asked.push_back(asked);
    }
}
