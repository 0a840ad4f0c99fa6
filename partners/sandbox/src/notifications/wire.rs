//! What differs between partners in how they notify.

use std::fmt::{self, Debug};
use std::time::Duration;

use super::change::Change;
use super::client::{Outcome, Request};
use crate::accounts::Account;
use crate::call::Answer;
use crate::partner::{Desk, State};
use crate::rng::Rng;

/// Who ended a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndedBy {
    /// The user, at the partner.
    User,
    /// The application, with a call.
    Application,
}

/// The account that notifications are about.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) state: &'a State,
    pub(crate) number: usize,
    pub(crate) account: &'a Account,
    pub(crate) now: i64,
    /// Determines what the notifications have that is random.
    pub(crate) seed: u64,
}

impl<'a> Subject<'a> {
    pub(crate) fn of(state: &'a State, number: usize, now: i64, seed: u64) -> Option<Self> {
        let account = state.accounts.get(number)?;
        Some(Self { state, number, account, now, seed })
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.state.tokens.is_connected(self.number)
    }

    pub(crate) fn granted(&self, scope: &str) -> bool {
        self.state.tokens.account_has_scope(self.number, scope)
    }

    pub(crate) fn rng(&self) -> Rng {
        Rng::new(self.seed)
    }
}

/// A notification, not signed yet.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    /// The account's number.
    pub(crate) account: usize,
    pub(crate) url: String,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
    /// The secret that it repeats.
    pub(crate) authorization: Option<String>,
    /// Whether it is sent as by somebody who does not know the secret.
    pub(crate) forged: bool,
}

impl Notice {
    pub(crate) fn json(account: usize, url: &str, body: &impl serde::Serialize) -> Self {
        let body = serde_json::to_string(body).unwrap_or_default();
        Self {
            account,
            url: url.to_owned(),
            content_type: "application/json",
            body,
            authorization: None,
            forged: false,
        }
    }
}

/// What a signature needs besides the body.
#[derive(Debug)]
pub(crate) struct Signing<'a> {
    /// The application's secret, or another one for what is forged.
    pub(crate) secret: &'a str,
    /// Whether notifications are signed at all, at partners that did not always do so.
    pub(crate) signs: bool,
    pub(crate) now: i64,
    pub(crate) nonce: &'a str,
}

/// A call that checks the address set in the console, and the statuses that pass.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) request: Request,
    pub(crate) expected: u16,
}

/// How a partner notifies.
pub(crate) trait Notifies: Debug + Send + Sync {
    /// How long an answer may take.
    fn time_limit(&self) -> Duration;
    /// Whether a status is a receipt.
    fn accepts(&self, status: u16) -> bool;
    /// Virtual seconds from a failed attempt, the first being 1, to the next; `None` gives up.
    fn retry_after(&self, attempt: u32) -> Option<i64>;
    /// The checks of an address that is set in the console; `None` where calls subscribe.
    fn console_checks(&self, _url: &str, _code: &str) -> Option<Vec<Check>> {
        None
    }
    /// After how many failures in a row the address of the console is not used any more.
    fn failures_allowed(&self) -> Option<u32> {
        None
    }
    /// Notifications of changes to one resource.
    fn changed(&self, of: &Subject<'_>, resource: &str, changes: &[Change]) -> Vec<Notice>;
    /// Notifications of the end of a consent; `action` is how a hand-made one calls it.
    fn ended(&self, of: &Subject<'_>, by: EndedBy, action: Option<&str>) -> Vec<Notice>;
    /// The headers besides the content type.
    fn headers(&self, signing: &Signing<'_>, notice: &Notice) -> Vec<(&'static str, String)>;
    /// How notifications name a user.
    fn user(&self, account: &Account) -> String {
        account.user_id.to_string()
    }
    /// Whether only the address, or the secret in a header, protects a notification.
    fn is_unsigned(&self) -> bool {
        false
    }
}

/// Makes an answer from what came back.
type Then = Box<dyn FnOnce(&mut Desk<'_>, &[Outcome]) -> Answer>;

/// Calls to the application that must be made before a call of its own is answered.
pub(crate) struct Probe {
    pub(crate) requests: Vec<Request>,
    pub(crate) then: Then,
}

impl Debug for Probe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Probe").field("requests", &self.requests).finish_non_exhaustive()
    }
}
