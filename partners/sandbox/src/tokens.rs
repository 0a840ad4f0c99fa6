//! Authorization codes and tokens, with the rules that partners share; lifetimes are passed in.

use std::collections::HashMap;

use crate::call::Params;
use crate::rng::Rng;

/// What a user allowed, waiting to be exchanged.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) account: usize,
    pub(crate) scopes: Vec<String>,
    pub(crate) redirect_uri: String,
    /// The query of the authorize address.
    pub(crate) asked: Params,
    issued_at: i64,
    used: bool,
}

/// Codes are kept for a day, so that a second use can be distinguished from an unknown code.
const CODE_KEPT_SECONDS: i64 = 86_400;

/// All codes of a partner.
#[derive(Debug, Default)]
pub(crate) struct Codes(HashMap<String, Code>);

impl Codes {
    pub(crate) fn issue(
        &mut self,
        rng: &mut Rng,
        now: i64,
        account: usize,
        scopes: Vec<String>,
        redirect_uri: String,
    ) -> String {
        self.0.retain(|_, code| code.issued_at + CODE_KEPT_SECONDS > now);
        let text = rng.hex(40);
        self.0.insert(
            text.clone(),
            Code {
                account,
                scopes,
                redirect_uri,
                asked: Params::default(),
                issued_at: now,
                used: false,
            },
        );
        text
    }

    /// Stores the query of the authorize request, where the exchange depends on it.
    pub(crate) fn asked(&mut self, text: &str, query: Params) {
        if let Some(code) = self.0.get_mut(text) {
            code.asked = query;
        }
    }

    /// The code, when it is known, unused and not older than `lifetime`.
    pub(crate) fn fresh(&self, text: &str, now: i64, lifetime: i64) -> Option<&Code> {
        self.0.get(text).filter(|code| !code.used && now - code.issued_at <= lifetime)
    }

    /// The account of a code, valid or not.
    pub(crate) fn owner(&self, text: &str) -> Option<usize> {
        self.0.get(text).map(|code| code.account)
    }

    pub(crate) fn use_up(&mut self, text: &str) {
        if let Some(code) = self.0.get_mut(text) {
            code.used = true;
        }
    }
}

/// One consent; its tokens are replaced over time.
#[derive(Debug)]
struct Grant {
    account: usize,
    scopes: Vec<String>,
    revoked: bool,
}

#[derive(Debug)]
struct Access {
    grant: usize,
    expires_at: Option<i64>,
    /// The refresh token that becomes invalid when this token is first used.
    parent: Option<String>,
}

#[derive(Debug)]
struct Refresh {
    grant: usize,
    dies_at: i64,
    used: bool,
    /// When it was used and the pair that this returned, for single-use refresh tokens.
    answered: Option<(i64, Pair)>,
}

/// The state of an access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenStanding {
    Good {
        account: usize,
    },
    /// Expired, made up or forgotten.
    Bad,
    /// Was valid until the consent was ended.
    Revoked,
}

/// A new token pair for an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) account: usize,
    pub(crate) scopes: Vec<String>,
    pub(crate) access: String,
    pub(crate) refresh: Option<String>,
}

/// How long tokens live, in virtual seconds; `None` means without end, or that there are no refresh
/// tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetimes {
    pub(crate) access: Option<i64>,
    pub(crate) refresh: Option<i64>,
    /// How long a replaced refresh token still works while the new access token is unused; `None`:
    /// it is dead once the answer with its successor is made, and every refresh replaces it.
    pub(crate) replaced_refresh: Option<i64>,
}

/// All grants and tokens of a partner.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    grants: Vec<Grant>,
    access: HashMap<String, Access>,
    refresh: HashMap<String, Refresh>,
    /// Accounts whose consents were ended and nobody was notified of it yet.
    ended: Vec<usize>,
}

impl Tokens {
    pub(crate) fn issue(
        &mut self,
        rng: &mut Rng,
        now: i64,
        account: usize,
        scopes: Vec<String>,
        lifetimes: Lifetimes,
    ) -> Pair {
        let grant = self.grants.len();
        self.grants.push(Grant { account, scopes, revoked: false });
        self.pair(rng, now, grant, None, lifetimes)
    }

    /// Issues a new pair for a valid refresh token. The old token stays usable until the new access
    /// token is used, so that a lost answer can be requested again.
    pub(crate) fn rotate(
        &mut self,
        rng: &mut Rng,
        now: i64,
        old: &str,
        lifetimes: Lifetimes,
    ) -> Option<Pair> {
        let token = self.refresh.get_mut(old).filter(|token| token.dies_at > now)?;
        let grant = token.grant;
        if self.grants.get(grant).is_none_or(|grant| grant.revoked) {
            return None;
        }
        token.used = true;
        token.dies_at = token.dies_at.min(now + lifetimes.replaced_refresh.unwrap_or(0));
        self.access.retain(|_, access| {
            access.grant != grant || access.expires_at.is_none_or(|at| at > now)
        });
        Some(self.pair(rng, now, grant, Some(old.to_owned()), lifetimes))
    }

    /// The pair issued with a valid refresh token, if its access token lives at least `longer`
    /// seconds more.
    pub(crate) fn in_force(&self, refresh: &str, now: i64, longer: i64) -> Option<Pair> {
        let token = self.refresh.get(refresh).filter(|token| token.dies_at > now && !token.used)?;
        let grant = self.grants.get(token.grant).filter(|grant| !grant.revoked)?;
        let (access, _) = self.access.iter().find(|(_, access)| {
            access.grant == token.grant && access.expires_at.is_some_and(|at| at > now + longer)
        })?;
        Some(Pair {
            account: grant.account,
            scopes: grant.scopes.clone(),
            access: access.clone(),
            refresh: Some(refresh.to_owned()),
        })
    }

    /// When an access token expires, if ever.
    pub(crate) fn expires_at(&self, access: &str) -> Option<i64> {
        self.access.get(access)?.expires_at
    }

    /// Issues a new access token for a valid refresh token, which stays the same and whose lifetime
    /// restarts.
    pub(crate) fn renew(
        &mut self,
        rng: &mut Rng,
        now: i64,
        refresh: &str,
        lifetimes: Lifetimes,
    ) -> Option<Pair> {
        if lifetimes.replaced_refresh.is_none() {
            return self.rotate(rng, now, refresh, lifetimes);
        }
        let token = self.refresh.get_mut(refresh).filter(|token| token.dies_at > now)?;
        let grant = token.grant;
        if self.grants.get(grant).is_none_or(|grant| grant.revoked) {
            return None;
        }
        token.dies_at = lifetimes.refresh.map_or(token.dies_at, |lifetime| now + lifetime);
        self.access.retain(|_, access| {
            access.grant != grant || access.expires_at.is_none_or(|at| at > now)
        });
        let access_only = Lifetimes { refresh: None, ..lifetimes };
        Some(self.pair(rng, now, grant, None, access_only))
    }

    /// Issues a new pair for a single-use refresh token. The same call returns the same answer for
    /// as long as a replaced token works.
    pub(crate) fn rotate_once(
        &mut self,
        rng: &mut Rng,
        now: i64,
        old: &str,
        lifetimes: Lifetimes,
    ) -> Option<Pair> {
        let token = self.refresh.get(old)?;
        let grant = token.grant;
        if self.grants.get(grant).is_none_or(|grant| grant.revoked) {
            return None;
        }
        if let Some((at, pair)) = &token.answered {
            let is_kept = lifetimes.replaced_refresh.is_some_and(|kept| now - at <= kept);
            return is_kept.then(|| pair.clone());
        }
        if token.dies_at <= now {
            return None;
        }
        let pair = self.pair(rng, now, grant, None, lifetimes);
        if let Some(token) = self.refresh.get_mut(old) {
            token.used = true;
            token.answered = Some((now, pair.clone()));
        }
        Some(pair)
    }

    fn pair(
        &mut self,
        rng: &mut Rng,
        now: i64,
        grant: usize,
        parent: Option<String>,
        lifetimes: Lifetimes,
    ) -> Pair {
        let access = rng.hex(32);
        let expires_at = lifetimes.access.map(|lifetime| now + lifetime);
        self.access.insert(access.clone(), Access { grant, expires_at, parent });
        let refresh = lifetimes.refresh.map(|lifetime| {
            let text = rng.hex(40);
            self.refresh.insert(
                text.clone(),
                Refresh { grant, dies_at: now + lifetime, used: false, answered: None },
            );
            text
        });
        let (account, scopes) = self
            .grants
            .get(grant)
            .map(|grant| (grant.account, grant.scopes.clone()))
            .unwrap_or_default();
        Pair { account, scopes, access, refresh }
    }

    /// The account of a token, valid or not; used by faults and limits by account.
    pub(crate) fn owner(&self, token: &str) -> Option<usize> {
        let grant = match self.access.get(token) {
            Some(access) => access.grant,
            None => self.refresh.get(token)?.grant,
        };
        self.grants.get(grant).map(|grant| grant.account)
    }

    pub(crate) fn was_used(&self, refresh: &str) -> bool {
        self.refresh.get(refresh).is_some_and(|token| token.used)
    }

    /// Checks a token and, on its first use, ends the refresh token it replaced.
    pub(crate) fn use_access(&mut self, token: &str, now: i64) -> TokenStanding {
        let Some(access) = self.access.get_mut(token) else {
            return TokenStanding::Bad;
        };
        let Some(grant) = self.grants.get(access.grant) else {
            return TokenStanding::Bad;
        };
        if grant.revoked {
            return TokenStanding::Revoked;
        }
        if access.expires_at.is_some_and(|at| at <= now) {
            return TokenStanding::Bad;
        }
        if let Some(parent) = access.parent.take()
            && let Some(old) = self.refresh.get_mut(&parent)
        {
            old.dies_at = old.dies_at.min(now);
        }
        TokenStanding::Good { account: grant.account }
    }

    pub(crate) fn has_scope(&self, token: &str, scope: &str) -> bool {
        self.access
            .get(token)
            .and_then(|access| self.grants.get(access.grant))
            .is_some_and(|grant| grant.scopes.iter().any(|have| have == scope))
    }

    /// Ends all consents of an account; returns how many were still active.
    pub(crate) fn revoke(&mut self, account: usize) -> usize {
        let living =
            self.grants.iter_mut().filter(|grant| grant.account == account && !grant.revoked);
        let ended = living.map(|grant| grant.revoked = true).count();
        if ended > 0 {
            self.ended.push(account);
        }
        ended
    }

    /// The accounts whose consents were ended since the last time.
    pub(crate) fn take_ended(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.ended)
    }

    /// Whether an active consent of an account has a scope.
    pub(crate) fn account_has_scope(&self, account: usize, scope: &str) -> bool {
        let active = self.grants.iter().filter(|grant| grant.account == account && !grant.revoked);
        active.flat_map(|grant| &grant.scopes).any(|have| have == scope)
    }

    /// Makes all access tokens of an account expire at once.
    pub(crate) fn expire_access(&mut self, account: usize, now: i64) {
        for access in self.access.values_mut() {
            if self.grants.get(access.grant).is_some_and(|grant| grant.account == account) {
                access.expires_at = Some(now);
            }
        }
    }

    /// Makes all refresh tokens of an account invalid at once, as after a year.
    pub(crate) fn kill_refresh(&mut self, account: usize, now: i64) {
        for refresh in self.refresh.values_mut() {
            if self.grants.get(refresh.grant).is_some_and(|grant| grant.account == account) {
                refresh.dies_at = refresh.dies_at.min(now);
            }
        }
    }

    /// Whether an account has an active consent.
    pub(crate) fn is_connected(&self, account: usize) -> bool {
        self.grants.iter().any(|grant| grant.account == account && !grant.revoked)
    }
}
