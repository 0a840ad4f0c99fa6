//! Control of a sandbox: the same operations in the process and over HTTP.

mod data;
mod error;
pub(crate) mod http;
mod notifications;
mod notifications_http;
mod tasks;
mod token_calls;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

pub use self::error::ControlError;
pub use self::notifications::CallbackCheck;
use self::tasks::Tasks;
pub(crate) use self::tasks::run_tasks;
use crate::accounts::Account;
use crate::clock::Clock;
use crate::counts::{BusiestWindow, Counts};
use crate::faults::{ActiveFault, FaultRule};
use crate::limits::Limits;
use crate::notifications::EndedBy;
use crate::partner::{Partner, State};

/// An account and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSummary {
    /// The partner's name.
    pub partner: String,
    /// The account's name, as typed on the authorize page.
    pub account: String,
    /// The partner's own id of the user.
    pub user_id: i64,
    /// IANA name.
    pub time_zone: String,
    /// Whether an application has this user's consent.
    pub connected: bool,
    /// Number of items by resource.
    pub items: BTreeMap<String, usize>,
}

/// The changes to make to an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountChange {
    /// IANA name; the account keeps its zone when left out.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// Replaces the data with a made-up history of that many days.
    #[serde(default)]
    pub history_days: Option<u32>,
    /// Removes all data, or creates the new account without any.
    #[serde(default)]
    pub empty: bool,
}

/// What to do to the tokens of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenAction {
    /// Access tokens expire now.
    ExpireAccess,
    /// Refresh tokens die now.
    KillRefresh,
    /// The user ends the consent at the partner.
    Revoke,
}

/// Tokens issued without the authorize page, for tests of data calls only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedTokens {
    /// The partner's own id of the user.
    pub user_id: i64,
    /// Valid for every scope of the partner.
    pub access_token: String,
    /// The secret that signs calls with the token, at partners with OAuth 1.0a.
    pub token_secret: Option<String>,
    /// Set where the partner has refresh tokens.
    pub refresh_token: Option<String>,
}

/// Controls a running sandbox; clones control the same one. Partners are named `withings`,
/// `runkeeper` and so on.
#[derive(Debug, Clone)]
pub struct Control {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    partners: Vec<Arc<Partner>>,
    clock: Arc<Clock>,
    seed: u64,
    tasks: Tasks,
}

impl Control {
    pub(crate) fn new(partners: Vec<Arc<Partner>>, clock: Arc<Clock>, seed: u64) -> Self {
        let tasks = Tasks::default();
        Self { inner: Arc::new(Inner { partners, clock, seed, tasks }) }
    }

    pub(crate) fn partners(&self) -> &[Arc<Partner>] {
        &self.inner.partners
    }

    pub(crate) fn clock(&self) -> &Arc<Clock> {
        &self.inner.clock
    }

    pub(crate) fn seed(&self) -> u64 {
        self.inner.seed
    }

    pub(crate) fn partner(&self, name: &str) -> Result<&Arc<Partner>, ControlError> {
        let found = self.inner.partners.iter().find(|partner| partner.wire.name() == name);
        found.ok_or_else(|| ControlError::unknown("partner", name))
    }

    /// Virtual time in Unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.inner.clock.now()
    }

    /// Moves virtual time forward. Sliding limits count in real time and are not affected; fixed
    /// windows are.
    pub fn advance(&self, by: Duration) {
        self.inner.clock.advance(by);
    }

    /// Lets time pass: as [`Control::advance`], and limits whose windows slide notice as if it had
    /// been waited for. For a client whose clock is moved by as much.
    pub fn pass(&self, by: Duration) {
        self.inner.clock.pass(by);
    }

    /// The accounts of all partners.
    #[must_use]
    pub fn people(&self) -> Vec<AccountSummary> {
        self.inner.partners.iter().flat_map(|partner| summaries(partner)).collect()
    }

    /// The accounts of one partner.
    ///
    /// # Errors
    /// When there is no such partner.
    pub fn accounts(&self, partner: &str) -> Result<Vec<AccountSummary>, ControlError> {
        Ok(summaries(self.partner(partner)?))
    }

    /// Creates or changes an account. A new one gets the usual history unless the change says
    /// otherwise.
    ///
    /// # Errors
    /// When there is no such partner or time zone.
    pub fn put_account(
        &self,
        partner: &str,
        account: &str,
        change: &AccountChange,
    ) -> Result<AccountSummary, ControlError> {
        let partner = self.partner(partner)?;
        let zone: Option<Tz> = match &change.time_zone {
            Some(name) => Some(name.parse().map_err(|_| ControlError::unknown("time zone", name))?),
            None => None,
        };
        if account.is_empty() {
            return Err(ControlError::Invalid("an account needs a name".to_owned()));
        }
        let now = self.now();
        let mut state = partner.lock();
        let is_new = state.accounts.number(account).is_none();
        let number = partner.empty_account(&mut state, account);
        if let Some(account) = state.accounts.get_mut(number) {
            account.zone = zone.unwrap_or(account.zone);
            if change.empty || change.history_days.is_some() {
                account.clear(now);
            }
        }
        match change.history_days {
            _ if change.empty => {}
            Some(days) => partner.fill(&mut state, number, days, now),
            None if is_new => partner.fill(&mut state, number, partner.history_days, now),
            None => {}
        }
        partner.settle(&mut state, Some(number), EndedBy::User, now);
        let account =
            state.accounts.get(number).ok_or_else(|| ControlError::unknown("account", account))?;
        Ok(summary(partner, &state, number, account))
    }

    /// Changes the state of an account's tokens. RunKeeper has no refresh tokens: nothing happens
    /// there.
    ///
    /// # Errors
    /// When there is no such partner or account.
    pub fn tokens(
        &self,
        partner: &str,
        account: &str,
        action: TokenAction,
    ) -> Result<(), ControlError> {
        let now = self.now();
        self.with_account(partner, account, |_, state, number| {
            match action {
                TokenAction::ExpireAccess => state.tokens.expire_access(number, now),
                TokenAction::KillRefresh => state.tokens.kill_refresh(number, now),
                TokenAction::Revoke => state.counts.revoked += state.tokens.revoke(number) as u64,
            }
            Ok(())
        })
    }

    /// Removes or restores the application's permission to write to an account. Only RunKeeper has
    /// such a permission.
    ///
    /// # Errors
    /// When there is no such partner or account.
    pub fn set_read_only(
        &self,
        partner: &str,
        account: &str,
        read_only: bool,
    ) -> Result<(), ControlError> {
        self.with_account(partner, account, |_, state, number| {
            if let Some(account) = state.accounts.get_mut(number) {
                account.read_only = read_only;
            }
            Ok(())
        })
    }

    /// Issues tokens with all scopes, as if the user had allowed everything.
    ///
    /// # Errors
    /// When there is no such partner or account.
    pub fn issue_tokens(&self, partner: &str, account: &str) -> Result<IssuedTokens, ControlError> {
        let now = self.now();
        self.with_account(partner, account, |partner, state, number| {
            let scopes = partner.wire.scopes().iter().map(|scope| (*scope).to_owned()).collect();
            let pair = state.tokens.issue(
                &mut state.rng,
                now,
                number,
                scopes,
                state.token_rules.of(partner.wire),
            );
            let user_id = state.accounts.get(number).map_or(0, |account| account.user_id);
            let signs = partner.wire.paths().request_token.is_some();
            let token_secret = signs.then(|| state.signed.new_secret(&mut state.rng, &pair.access));
            Ok(IssuedTokens {
                user_id,
                access_token: pair.access,
                token_secret,
                refresh_token: pair.refresh,
            })
        })
    }

    /// Adds a fault; returns its id.
    ///
    /// # Errors
    /// When there is no such partner, or the fault has a status that HTTP does not know.
    pub fn add_fault(&self, partner: &str, rule: FaultRule) -> Result<u64, ControlError> {
        use crate::faults::Fault;
        if let Fault::Status { status, .. } | Fault::PartnerError { status: Some(status), .. } =
            rule.fault
            && !(200..=599).contains(&status)
        {
            return Err(ControlError::Invalid(format!(
                "{status} is not an HTTP status from 200 to 599"
            )));
        }
        Ok(self.partner(partner)?.lock().faults.add(rule))
    }

    /// The active faults, with their hits.
    ///
    /// # Errors
    /// When there is no such partner.
    pub fn faults(&self, partner: &str) -> Result<Vec<ActiveFault>, ControlError> {
        Ok(self.partner(partner)?.lock().faults.list())
    }

    /// Removes all faults. Calls that already hang keep hanging.
    ///
    /// # Errors
    /// When there is no such partner.
    pub fn clear_faults(&self, partner: &str) -> Result<(), ControlError> {
        self.partner(partner)?.lock().faults.clear();
        Ok(())
    }

    /// Removes one fault.
    ///
    /// # Errors
    /// When there is no such partner or fault.
    pub fn remove_fault(&self, partner: &str, id: u64) -> Result<(), ControlError> {
        let removed = self.partner(partner)?.lock().faults.remove(id);
        if removed { Ok(()) } else { Err(ControlError::unknown("fault", &id.to_string())) }
    }

    /// The limits in force.
    ///
    /// # Errors
    /// When there is no such partner.
    pub fn limits(&self, partner: &str) -> Result<Limits, ControlError> {
        Ok(self.partner(partner)?.lock().limits.clone())
    }

    /// Sets other limits from the next call on; calls already made count.
    ///
    /// # Errors
    /// When there is no such partner, or a window has no length.
    pub fn set_limits(&self, partner: &str, limits: Limits) -> Result<(), ControlError> {
        let sliding = [limits.app, limits.account].into_iter().flatten().map(|limit| limit.seconds);
        if sliding.chain(limits.fixed.iter().map(|limit| limit.seconds)).any(|length| length == 0) {
            return Err(ControlError::Invalid(
                "a limit's window needs at least one second".to_owned(),
            ));
        }
        self.partner(partner)?.lock().limits = limits;
        Ok(())
    }

    /// What the partner received since the start or the last reset.
    ///
    /// # Errors
    /// When there is no such partner.
    pub fn counts(&self, partner: &str) -> Result<Counts, ControlError> {
        let partner = self.partner(partner)?;
        let state = partner.lock();
        let mut counts = state.counts.clone();
        let seconds = state.limits.app.map_or(60, |limit| limit.seconds);
        counts.busiest_window = BusiestWindow { calls: state.calls.busiest, seconds };
        counts.max_concurrent_per_account = partner.most_in_flight.load(Ordering::Relaxed);
        Ok(counts)
    }

    /// Resets the counts to zero. Limits are not affected.
    ///
    /// # Errors
    /// When there is no such partner.
    pub fn reset_counts(&self, partner: &str) -> Result<(), ControlError> {
        let partner = self.partner(partner)?;
        let mut state = partner.lock();
        state.counts = Counts::default();
        state.calls.reset_busiest(self.inner.clock.monotonic_us());
        partner.most_in_flight.store(0, Ordering::Relaxed);
        Ok(())
    }

    fn with_account<T>(
        &self,
        partner: &str,
        account: &str,
        work: impl FnOnce(&Partner, &mut State, usize) -> Result<T, ControlError>,
    ) -> Result<T, ControlError> {
        let partner = self.partner(partner)?;
        let mut state = partner.lock();
        let number = state
            .accounts
            .number(account)
            .ok_or_else(|| ControlError::unknown("account", account))?;
        let done = work(partner, &mut state, number);
        partner.settle(&mut state, Some(number), EndedBy::User, self.now());
        done
    }
}

fn summaries(partner: &Partner) -> Vec<AccountSummary> {
    let state = partner.lock();
    state
        .accounts
        .iter()
        .enumerate()
        .map(|(number, account)| summary(partner, &state, number, account))
        .collect()
}

fn summary(partner: &Partner, state: &State, number: usize, account: &Account) -> AccountSummary {
    AccountSummary {
        partner: partner.wire.name().to_owned(),
        account: account.name.clone(),
        user_id: account.user_id,
        time_zone: account.zone.name().to_owned(),
        connected: state.tokens.is_connected(number),
        items: account.sizes().into_iter().map(|(name, size)| (name.to_owned(), size)).collect(),
    }
}
