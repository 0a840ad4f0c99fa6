//! One simulated partner: the state that all partners have, and the trait for what differs.

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::atomic::AtomicU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;

use crate::accounts::{Account, Accounts};
use crate::call::{Answer, Call, Params};
use crate::collection::Item;
use crate::counts::Counts;
use crate::faults::Faults;
use crate::fixed::{FixedWindows, WindowUsage};
use crate::limits::{LimitedBy, Limits, Repeats, Window};
use crate::notifications::{EndedBy, Notices, Notifies, Probe, Subject};
use crate::oauth1::Signed;
use crate::rng::Rng;
use crate::token_calls::{TokenCalls, TokenRules};
use crate::tokens::{Codes, Lifetimes, Tokens};
use crate::under_way::CallsUnderWay;

/// No made-up event lasts longer, so nothing is stored before it has ended.
pub(crate) const LONGEST_EVENT_SECONDS: i64 = 7_200;

/// The registered application.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    /// Registered callback addresses; any when empty.
    pub(crate) redirect_uris: Vec<String>,
}

/// What an application asks the user for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Consent {
    pub(crate) scopes: Vec<String>,
    /// The scopes in words, for the page; one entry for each scope where scopes can be unticked.
    pub(crate) permissions: Vec<&'static str>,
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
}

/// Where a partner's endpoints are, below its own prefix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paths {
    /// Where a connect begins, with OAuth 1.0a.
    pub(crate) request_token: Option<&'static str>,
    pub(crate) authorize: &'static str,
    pub(crate) token: &'static str,
    pub(crate) revoke: Option<&'static str>,
}

/// What differs between partners: wire format and behaviour.
pub(crate) trait Wire: Debug + Send + Sync {
    fn name(&self) -> &'static str;
    fn title(&self) -> &'static str;
    fn paths(&self) -> Paths;
    fn lifetimes(&self) -> Lifetimes;
    /// The documented limits.
    fn limits(&self) -> Limits;
    /// All scopes that an application can ask for.
    fn scopes(&self) -> &'static [&'static str];
    /// Checks the query of an authorize request; the error is shown to the user, because no
    /// redirect can be trusted then.
    fn consent(&self, app: &App, query: &Params) -> Result<Consent, String>;
    /// Whether the user may allow some of the scopes and not others.
    fn scopes_are_ticked(&self) -> bool {
        false
    }
    /// Parameters of the callback besides code and state, when these scopes were granted.
    fn callback_params(&self, _granted: &[String]) -> Vec<(&'static str, String)> {
        Vec::new()
    }
    /// The same where the query only names an earlier request (OAuth 1.0a).
    fn consent_in(&self, _: &State, app: &App, query: &Params) -> Result<Consent, String> {
        self.consent(app, query)
    }
    /// Redirects the browser: with something to exchange when an account was opened, or with the
    /// denial.
    fn decided(
        &self,
        state: &mut State,
        now: i64,
        query: &Params,
        consent: &Consent,
        account: Option<usize>,
    ) -> Answer {
        let further = self.callback_params(&consent.scopes);
        crate::authorize::back_with_code(state, now, query, consent, account, &further)
    }

    /// Where the partner's user numbers begin.
    fn first_user_id(&self) -> i64 {
        0
    }

    /// The name under which calls to a path are counted.
    fn route(&self, path: &str) -> &'static str;
    /// The account of a call, as far as a token or code identifies one.
    fn caller(&self, call: &Call<'_>, state: &State) -> Option<usize>;
    fn answer(&self, desk: &mut Desk<'_>, call: &Call<'_>) -> Answer;
    fn limited(&self, by: LimitedBy, wait_us: u64) -> Answer;
    /// Headers of every answer that report the limits with fixed windows.
    fn limit_headers(&self, _standings: &[WindowUsage]) -> Vec<(&'static str, String)> {
        Vec::new()
    }
    /// An error in the partner's own form with that body.
    fn error(&self, status: Option<u16>, body: &Value) -> Answer;

    /// The resources that hold data.
    fn resources(&self) -> &'static [&'static str];
    /// New entries on an average day, in hundredths.
    fn percent_per_day(&self, resource: &str) -> u64;
    /// Makes the items of one event (a step on a scale may make several), without ids.
    fn make(&self, resource: &str, account: &mut Account, at: i64) -> Vec<Value>;
    /// Single records that every real history has somewhere, each with the time it was stored.
    fn oddities(
        &self,
        account: &mut Account,
        first: i64,
        now: i64,
    ) -> Vec<(&'static str, i64, Value)>;
    /// Completes a raw item and returns it ready to be stored.
    fn file(&self, resource: &str, account: &mut Account, value: Value, stored_at: i64) -> Item;
    /// Updates the derived fields of an item after its value was changed.
    fn refile(&self, resource: &str, item: &mut Item, now: i64);
    /// Changes a value as a user who corrects an entry would.
    fn retouch(&self, resource: &str, value: &mut Value, rng: &mut Rng);

    /// How the partner notifies an application, if it does.
    fn notifies(&self) -> Option<&'static dyn Notifies> {
        None
    }
}

/// The mutable state of a partner.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) accounts: Accounts,
    pub(crate) codes: Codes,
    pub(crate) tokens: Tokens,
    pub(crate) token_rules: TokenRules,
    pub(crate) token_calls: TokenCalls,
    pub(crate) signed: Signed,
    pub(crate) nonces: HashSet<String>,
    pub(crate) repeats: Repeats,
    pub(crate) calls: Window,
    pub(crate) limits: Limits,
    pub(crate) fixed: FixedWindows,
    pub(crate) faults: Faults,
    pub(crate) counts: Counts,
    pub(crate) rng: Rng,
    pub(crate) notices: Notices,
    /// In load mode: how many new measurements a call finds.
    pub(crate) fresh: Option<u32>,
    /// How many measurements load mode has made so far.
    pub(crate) made: i64,
}

/// What an answer is built from.
#[derive(Debug)]
pub(crate) struct Desk<'a> {
    pub(crate) app: &'a App,
    pub(crate) state: &'a mut State,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) now: i64,
    /// What must be asked of the application before the call is answered.
    pub(crate) probe: Option<Probe>,
}

/// A partner behind its lock.
#[derive(Debug)]
pub(crate) struct Partner {
    pub(crate) wire: &'static dyn Wire,
    pub(crate) app: App,
    pub(crate) latency_ms: u64,
    pub(crate) most_in_flight: AtomicU32,
    pub(crate) under_way: CallsUnderWay,
    /// Wakes the delivery of notifications.
    pub(crate) posted: Notify,
    seed: u64,
    pub(crate) history_days: u32,
    state: Mutex<State>,
}

impl Partner {
    pub(crate) fn new(
        wire: &'static dyn Wire,
        app: App,
        limits: Limits,
        seed: u64,
        history_days: u32,
    ) -> Self {
        let state = State {
            accounts: Accounts::default(),
            codes: Codes::default(),
            tokens: Tokens::default(),
            token_rules: TokenRules::default(),
            token_calls: TokenCalls::default(),
            signed: Signed::default(),
            nonces: HashSet::new(),
            repeats: Repeats::default(),
            calls: Window::default(),
            limits,
            fixed: FixedWindows::default(),
            faults: Faults::default(),
            counts: Counts::default(),
            rng: Rng::named(seed, &[wire.name()]),
            notices: Notices::new(Rng::named(seed, &[wire.name(), "notifications"])),
            fresh: None,
            made: 0,
        };
        Self {
            wire,
            app,
            latency_ms: 0,
            most_in_flight: AtomicU32::new(0),
            under_way: CallsUnderWay::default(),
            posted: Notify::new(),
            seed,
            history_days,
            state: Mutex::new(state),
        }
    }

    /// A panic elsewhere leaves at worst one call half counted, so a poisoned lock is used anyway.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether any account is connected.
    pub(crate) fn is_used(&self) -> bool {
        let state = self.lock();
        (0..state.accounts.len()).any(|number| state.tokens.is_connected(number))
    }

    /// The account of that name; created with the usual history when it is new.
    pub(crate) fn account(&self, state: &mut State, name: &str, now: i64) -> usize {
        state.accounts.number(name).unwrap_or_else(|| {
            let number =
                state.accounts.add(self.seed, self.wire.name(), name, self.wire.first_user_id());
            self.fill(state, number, self.history_days, now);
            // Nobody is subscribed to an account that is new.
            state.accounts.get_mut(number).map(Account::take_changes);
            number
        })
    }

    /// The account of that name; created without data when it is new.
    pub(crate) fn empty_account(&self, state: &mut State, name: &str) -> usize {
        state.accounts.number(name).unwrap_or_else(|| {
            state.accounts.add(self.seed, self.wire.name(), name, self.wire.first_user_id())
        })
    }

    /// Gives an account a made-up history of that many days. Each item is stored soon after it
    /// happened.
    pub(crate) fn fill(&self, state: &mut State, number: usize, days: u32, now: i64) {
        // The history ends with a full hour, so that it is the same however long earlier calls
        // took.
        let now = now - now.rem_euclid(3_600);
        let Some(account) = state.accounts.get_mut(number) else {
            return;
        };
        for resource in self.wire.resources() {
            let percent = self.wire.percent_per_day(resource);
            for days_ago in (0..i64::from(days)).rev() {
                let times = percent / 100 + u64::from(account.rng.chance(percent % 100));
                for _ in 0..times {
                    let end = now - days_ago * 86_400;
                    let at = account.rng.range(end - 86_400, end - LONGEST_EVENT_SECONDS - 900);
                    let stored_at = at + LONGEST_EVENT_SECONDS + account.rng.range(5, 900);
                    for value in self.wire.make(resource, account, at) {
                        let item = self.wire.file(resource, account, value, stored_at);
                        account.insert(resource, item);
                    }
                }
            }
        }
        if days > 0 {
            let first = now - i64::from(days) * 86_400;
            for (resource, stored_at, value) in self.wire.oddities(account, first, now) {
                let item = self.wire.file(resource, account, value, stored_at);
                account.insert(resource, item);
            }
        }
    }

    /// Notifies of what has happened to an account, and of all consents that were ended, since the
    /// last time. Called at the end of everything that may change data.
    pub(crate) fn settle(&self, state: &mut State, number: Option<usize>, by: EndedBy, now: i64) {
        let ended = state.tokens.take_ended();
        let Some(wire) = self.wire.notifies() else { return };
        let listens = state.notices.listens();
        if !listens && !state.accounts.are_watched() {
            return;
        }
        let changed = number.and_then(|number| state.accounts.get_mut(number));
        let changes = changed.map(Account::take_changes).unwrap_or_default();
        if listens && !(changes.is_empty() && ended.is_empty()) {
            let mut notices = Vec::new();
            for (resource, changes) in &changes {
                let seed = state.notices.rng.next();
                if let Some(of) = number.and_then(|number| Subject::of(state, number, now, seed)) {
                    notices.extend(wire.changed(&of, resource, changes));
                }
            }
            for number in &ended {
                let seed = state.notices.rng.next();
                if let Some(of) = Subject::of(state, *number, now, seed) {
                    notices.extend(wire.ended(&of, by, None));
                }
            }
            state.notices.post(notices);
            self.posted.notify_one();
        }
        ended.into_iter().for_each(|number| state.notices.forget(number));
        state.accounts.watch(state.notices.listens());
    }

    /// The `&'static` form of a resource's name, if the partner has that resource.
    pub(crate) fn resource(&self, name: &str) -> Option<&'static str> {
        self.wire.resources().iter().copied().find(|have| *have == name)
    }
}
