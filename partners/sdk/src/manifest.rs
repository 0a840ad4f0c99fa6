//! What is data about a partner. Facts carry their source beside them in the partner's crate.

use std::time::Duration;

use ::http::HeaderMap;

use crate::error::{LimitScope, PartnerError};
use crate::http::Reply;
use crate::kind::Kind;

/// Everything about a partner that is data rather than code.
#[derive(Debug)]
pub struct Manifest {
    /// The name in settings, addresses and the database: lower case letters, digits, `_`.
    pub name: &'static str,
    /// The name people read.
    pub title: &'static str,
    /// How users grant access.
    pub auth: Auth,
    /// Where the data API is, without a trailing slash; paths of [`Session`](crate::Session) calls
    /// are appended to it. Overridden by the setting `api_url`.
    pub api_url: &'static str,
    /// What can be polled, each feed with a cursor of its own.
    pub feeds: &'static [Feed],
    /// What can be written to the partner; each kind at most once.
    pub push: &'static [Writable],
    /// How often the partner may be called. Overridden by the setting `limits`.
    pub limits: &'static [Limit],
    /// How long to wait after a "too many requests" that does not say.
    pub retry_wait: Duration,
    /// How far back a first sync reads. Overridden by the setting `backfill`.
    pub backfill: Duration,
    /// Reads the partner's own error conventions before the general rules of
    /// [`Reply::check`] apply; `None` leaves an answer to those rules.
    pub read_error: fn(&Reply) -> Option<PartnerError>,
    /// Reads what an answer's headers tell of the limits; `|_| Vec::new()` where they tell nothing.
    pub read_limits: fn(&HeaderMap) -> Vec<LimitReading>,
    /// Since when and why the partner no longer works, if so.
    pub ended: Option<&'static str>,
}

impl Manifest {
    /// The feed of that name.
    pub fn feed(&self, name: &str) -> Option<&'static Feed> {
        self.feeds.iter().find(|feed| feed.name == name)
    }

    /// The kinds that can be polled, each once, in the order of the feeds.
    pub fn poll_kinds(&self) -> Vec<Kind> {
        let mut kinds = Vec::new();
        for kind in self.feeds.iter().flat_map(|feed| feed.kinds) {
            if !kinds.contains(kind) {
                kinds.push(*kind);
            }
        }
        kinds
    }

    /// The kinds that can be pushed, in the order of the manifest.
    pub fn push_kinds(&self) -> Vec<Kind> {
        self.push.iter().flat_map(|writable| writable.kinds).copied().collect()
    }

    /// The kinds of which the partner keeps the day and not the time.
    pub fn day_only_kinds(&self) -> Vec<Kind> {
        let day_only = self.push.iter().filter(|writable| writable.day_only);
        day_only.flat_map(|writable| writable.kinds).copied().collect()
    }

    /// How a kind can be written; `None` where it cannot.
    pub fn writable(&self, kind: Kind) -> Option<&'static Writable> {
        self.push.iter().find(|writable| writable.kinds.contains(&kind))
    }
}

/// How users grant access.
#[derive(Clone, Copy, Debug)]
pub enum Auth {
    /// OAuth 2.0 authorization code (RFC 6749).
    OAuth2(OAuth2),
    /// OAuth 1.0a with three legs and HMAC-SHA1 (RFC 5849).
    OAuth1(OAuth1),
}

/// The OAuth 1.0a side of a partner. Its tokens live until the user takes them back.
#[derive(Clone, Copy, Debug)]
pub struct OAuth1 {
    /// Where a connect begins. Setting `request_token_url`.
    pub request_token_url: &'static str,
    /// How the request token is asked for.
    pub request_token_method: TokenMethod,
    /// Where the browser is sent. Setting `authorize_url`.
    pub authorize_url: &'static str,
    /// Where a request token is exchanged for an access token. Setting `token_url`.
    pub token_url: &'static str,
    /// How the access token is asked for.
    pub token_method: TokenMethod,
    /// Where the protocol's parameters are put in every call.
    pub placement: Placement,
}

/// How a token of OAuth 1.0a is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenMethod {
    /// By `GET`.
    Get,
    /// By `POST`.
    Post,
}

/// Where the parameters of OAuth 1.0a are put in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// In the `Authorization` header. To be preferred: addresses end up in logs.
    Header,
    /// In the query of the address, for partners that read them nowhere else.
    Query,
}

/// The OAuth 2.0 side of a partner.
#[derive(Clone, Copy, Debug)]
pub struct OAuth2 {
    /// Where the browser is sent. Setting `authorize_url`.
    pub authorize_url: &'static str,
    /// Where codes and refresh tokens are exchanged. Setting `token_url`.
    pub token_url: &'static str,
    /// Where tokens are revoked. Setting `revoke_url`.
    pub revoke_url: Option<&'static str>,
    /// The scopes asked for.
    pub scopes: &'static [&'static str],
    /// What stands between scopes: a space by RFC 6749, but not everywhere.
    pub scope_separator: &'static str,
    /// Where the client's id and secret are put in token calls.
    pub client_auth: ClientAuth,
    /// Whether the partner takes PKCE (RFC 7636, S256).
    pub pkce: bool,
    /// Further parameters of the authorize address.
    pub authorize_params: &'static [(&'static str, &'static str)],
    /// Further parameters of token calls.
    pub token_params: &'static [(&'static str, &'static str)],
}

/// Where the client's id and secret are put in token calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// In the form body.
    Body,
    /// In an `Authorization: Basic` header.
    Basic,
}

/// One list of the partner with one cursor; it may carry several kinds.
#[derive(Clone, Copy, Debug)]
pub struct Feed {
    /// The name in cursors and the timeline.
    pub name: &'static str,
    /// The kinds that come in it.
    pub kinds: &'static [Kind],
    /// How far each poll reads back before its cursor, for lists that cannot be asked for exactly
    /// what changed. Zero where the partner filters by the instant of modification.
    pub trailing: Duration,
    /// The scopes of which the user must have granted one; none where it needs none. Where the
    /// partner tells what was granted, kinds without it are switched off at the connect.
    pub scopes: &'static [&'static str],
}

/// What can be written of some kinds.
#[derive(Clone, Copy, Debug)]
pub struct Writable {
    /// The kinds it is about.
    pub kinds: &'static [Kind],
    /// How a change of a record reaches the partner.
    pub update: Update,
    /// Whether a record can be deleted at the partner.
    pub delete: bool,
    /// Whether the partner keeps the day of a record and not its time.
    pub day_only: bool,
    /// How many changes of one sort go in one call; 1 where the partner has no such call.
    pub batch: usize,
    /// As [`Feed::scopes`].
    pub scopes: &'static [&'static str],
}

/// How a change of a record that the partner has reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// The partner changes it in place.
    InPlace,
    /// It is deleted and created anew; needs [`Writable::delete`].
    Replace,
    /// It cannot: the change is refused, with that as its reason.
    Never,
}

/// So many calls in a window of a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The number of calls allowed.
    pub calls: u32,
    /// The length of the window.
    pub per: Duration,
    /// Whose calls are counted together.
    pub scope: LimitScope,
    /// Where the windows lie.
    pub window: WindowKind,
    /// Which calls count.
    pub counts: Counts,
}

impl Limit {
    /// So many calls of any sort of the whole application in any stretch of `per`.
    pub const fn app(calls: u32, per: Duration) -> Self {
        let (window, counts) = (WindowKind::Sliding, Counts::All);
        Self { calls, per, scope: LimitScope::App, window, counts }
    }

    /// The same for each connection by itself.
    pub const fn connection(calls: u32, per: Duration) -> Self {
        Self { scope: LimitScope::Connection, ..Self::app(calls, per) }
    }

    /// The same with windows that lie fixed.
    #[must_use]
    pub const fn fixed(self) -> Self {
        Self { window: WindowKind::Fixed, ..self }
    }

    /// The same for calls that only read.
    #[must_use]
    pub const fn of_reads(self) -> Self {
        Self { counts: Counts::Reads, ..self }
    }
}

/// Where the windows of a limit lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WindowKind {
    /// Any stretch of the length counts.
    #[default]
    Sliding,
    /// One begins at each multiple of the length since 1970 in UTC: at :00, :15, :30 and :45 for a
    /// quarter of an hour, at midnight for a day.
    Fixed,
}

/// Which calls count against a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Counts {
    /// All.
    #[default]
    All,
    /// Those that only read: `GET` and `HEAD`.
    Reads,
}

impl Counts {
    /// Whether a call of that sort counts.
    pub const fn includes(self, call: CallKind) -> bool {
        matches!((self, call), (Self::All, _) | (Self::Reads, CallKind::Read))
    }
}

/// What a call does at the partner, as far as limits tell calls apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallKind {
    /// It only reads: `GET` or `HEAD`.
    Read,
    /// It may change something there.
    Write,
}

/// What an answer's headers told of one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitReading {
    /// Whose limit.
    pub scope: LimitScope,
    /// Which of the manifest's limits: the length of its window.
    pub per: Duration,
    /// Which calls it counts.
    pub counts: Counts,
    /// How many calls the partner allows in a window.
    pub calls: u32,
    /// How many it has counted in the present window.
    pub used: u32,
    /// When the present window ends, where it tells.
    pub resets_in: Option<Duration>,
}
