//! The data of the simulated partners, and the clock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::RecordData;
use syncwell::clock::Clock;
use tokio::sync::Notify;

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub(crate) struct StoppedClock(Mutex<DateTime<Utc>>);

impl StoppedClock {
    pub(crate) fn new() -> Self {
        Self(Mutex::new("2026-03-04T06:00:00Z".parse().unwrap()))
    }

    pub(crate) fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    pub(crate) fn advance_to(&self, at: DateTime<Utc>) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = at.max(*now);
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One item at a partner.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// As the partner shows it.
    pub(crate) shown: RecordData,
    pub(crate) modified: DateTime<Utc>,
    /// Increases with every change at the partner.
    pub(crate) version: u64,
}

/// One account at a partner.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) items: BTreeMap<String, Item>,
    /// Deleted ids, each with the version of its deletion.
    pub(crate) deleted: BTreeMap<String, u64>,
    version: u64,
    made: u64,
}

impl Account {
    pub(crate) fn put(
        &mut self,
        id: Option<&str>,
        shown: RecordData,
        now: DateTime<Utc>,
    ) -> String {
        self.version += 1;
        let id = id.map_or_else(
            || {
                self.made += 1;
                format!("i{}", self.made)
            },
            str::to_owned,
        );
        let version = self.version;
        self.items.insert(id.clone(), Item { shown, modified: now, version });
        id
    }

    pub(crate) fn remove(&mut self, id: &str) -> bool {
        self.version += 1;
        let was_there = self.items.remove(id).is_some();
        if was_there {
            self.deleted.insert(id.to_owned(), self.version);
        }
        was_there
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The call has no effect; the partner reports an outage.
    Away,
    /// The call has its effect, but the response is lost.
    AnswerLost,
    /// The call has its effect, but the response is malformed.
    Garbage,
    /// The partner reports too many calls.
    Limited,
    /// The process crashes before the call arrives.
    CrashBefore,
    /// The process crashes after the call has had its effect.
    CrashAfter,
    /// A list that is complete by its own account is empty, this once.
    ListsNothing,
    /// Of a list that is complete by its own account half is missing, this once.
    ListsHalf,
    /// The partner refuses an access token that is valid, new or not, this once.
    TokenRefused,
}

/// What goes wrong with a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenFault {
    /// A web page answers; nothing was issued.
    Page,
    /// New tokens were issued, but a web page answers.
    PageAfterwards,
}

/// The tokens of one partner's server for the account that is connected. A refresh token is valid
/// until the tokens that it was exchanged for are used, as at Withings.
#[derive(Debug, Default)]
pub(crate) struct Issued {
    pub(crate) number: u64,
    /// The oldest refresh token that is still accepted.
    pub(crate) accepts_from: u64,
    /// Which of them the daemon presents with its calls.
    pub(crate) in_use: u64,
    pub(crate) faults: VecDeque<TokenFault>,
}

impl Issued {
    pub(crate) fn accepts(&self, number: u64) -> bool {
        (self.accepts_from..=self.number).contains(&number)
    }

    /// Counts a call. Returns whether its access token is accepted.
    pub(crate) fn use_access_token(&mut self) -> bool {
        let is_accepted = self.accepts(self.in_use);
        if is_accepted {
            self.accepts_from = self.in_use;
        }
        is_accepted
    }
}

/// One partner's servers.
#[derive(Debug, Default)]
pub(crate) struct Server {
    pub(crate) accounts: BTreeMap<String, Account>,
    /// The account whose access token the daemon uses now.
    pub(crate) current: String,
    /// What is wrong with the list that is being answered.
    pub(crate) list_fault: Option<Fault>,
    /// What goes wrong with the next calls.
    pub(crate) faults: VecDeque<Option<Fault>>,
    pub(crate) issued: Issued,
    /// The times of the recent calls.
    pub(crate) calls: VecDeque<DateTime<Utc>>,
}

/// A partner's servers, shared with its code.
#[derive(Clone, Debug)]
pub(crate) struct World {
    server: Arc<Mutex<Server>>,
    pub(crate) clock: Arc<StoppedClock>,
    pub(crate) crash: Arc<Notify>,
}

impl World {
    pub(crate) fn new(clock: Arc<StoppedClock>, crash: Arc<Notify>) -> Self {
        Self { server: Arc::default(), clock, crash }
    }

    pub(crate) fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the account `name`.
    pub(crate) fn account<T>(&self, name: &str, work: impl FnOnce(&mut Account) -> T) -> T {
        work(self.server().accounts.entry(name.to_owned()).or_default())
    }

    /// Takes all faults back.
    pub(crate) fn nothing_goes_wrong(&self) {
        let mut server = self.server();
        server.faults.clear();
        server.issued.faults.clear();
    }

    /// Crashes the process here.
    pub(crate) async fn die(&self) {
        self.crash.notify_one();
        std::future::pending::<()>().await;
    }
}
