//! Every call that issued tokens or was refused them, so that a test can say where a pair was lost.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::call::{Answer, Call};
use crate::partner::Wire;
use crate::tokens::Lifetimes;

/// Rules for tokens in place of the partner's own; what is left out is as documented.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRules {
    /// How long access tokens live, in virtual seconds.
    #[serde(default)]
    pub access_seconds: Option<i64>,
    /// Whether each refresh replaces the refresh token, and the old one is dead once the answer with
    /// the new one is made (RFC 9700 §4.14.2), without the time that partners give.
    #[serde(default)]
    pub rotates_strictly: bool,
}

impl TokenRules {
    pub(crate) fn of(self, wire: &dyn Wire) -> Lifetimes {
        let documented = wire.lifetimes();
        let replaced_refresh = documented.replaced_refresh.filter(|_| !self.rotates_strictly);
        // Tokens that live for ever are not renewed: a life would end them for good.
        let access = documented.access.map(|life| self.access_seconds.unwrap_or(life));
        Lifetimes { access, replaced_refresh, ..documented }
    }
}

/// A call of an account for tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenCall {
    /// Whether it presented a refresh token; otherwise a code.
    pub is_refresh: bool,
    /// Which earlier call of the account had issued that refresh token, as a position in their list.
    pub presented: Option<usize>,
    /// Whether it was given tokens.
    pub issued: bool,
    /// When its answer was made, in real time since the sandbox started.
    pub made_at: Duration,
    /// When the answer was sent; `None` while it is delayed, and when the client was gone by then.
    pub sent_at: Option<Duration>,
    /// Whether one of the tokens it was given has been used.
    pub is_used: bool,
}

/// One of the calls: the account's number, and the position in its list.
pub(crate) type TokenCallId = (usize, usize);

/// All such calls of a partner.
#[derive(Debug, Default)]
pub(crate) struct TokenCalls {
    by_account: HashMap<usize, Vec<TokenCall>>,
    /// The calls by the tokens they were given, of either kind. Access tokens until their first use.
    by_token: HashMap<String, TokenCallId>,
}

impl TokenCalls {
    pub(crate) fn add(
        &mut self,
        account: usize,
        call: &Call<'_>,
        answer: &Answer,
        made_at: Duration,
    ) -> Option<TokenCallId> {
        let old = call.params.get("refresh_token");
        if old.is_none() && call.params.get("code").is_none() {
            return None;
        }
        let presented = old.and_then(|old| self.by_token.get(old)).map(|(_, at)| *at);
        let given = tokens_of(answer);
        let calls = self.by_account.entry(account).or_default();
        if let Some(by) = presented.and_then(|at| calls.get_mut(at)) {
            by.is_used |= !given.is_empty();
        }
        let id = (account, calls.len());
        calls.push(TokenCall {
            is_refresh: old.is_some(),
            presented,
            issued: !given.is_empty(),
            made_at,
            sent_at: None,
            is_used: false,
        });
        self.by_token.extend(given.into_iter().map(|token| (token, id)));
        Some(id)
    }

    fn get_mut(&mut self, (account, at): TokenCallId) -> Option<&mut TokenCall> {
        self.by_account.get_mut(&account)?.get_mut(at)
    }

    pub(crate) fn sent(&mut self, id: TokenCallId, at: Duration) {
        if let Some(call) = self.get_mut(id) {
            call.sent_at = Some(at);
        }
    }

    /// Notes the first use of an access token.
    pub(crate) fn uses(&mut self, access: Option<&str>) {
        let id = access.and_then(|access| self.by_token.remove(access));
        if let Some(call) = id.and_then(|id| self.get_mut(id)) {
            call.is_used = true;
        }
    }

    pub(crate) fn of(&self, account: usize) -> Vec<TokenCall> {
        self.by_account.get(&account).cloned().unwrap_or_default()
    }
}

/// The tokens in an answer, wherever the partner puts them.
fn tokens_of(answer: &Answer) -> Vec<String> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let holder = body.get("body").filter(|inner| inner.is_object()).unwrap_or(&body);
    let token = |name: &str| Some(holder.get(name)?.as_str()?.to_owned());
    ["access_token", "refresh_token"].into_iter().filter_map(token).collect()
}
