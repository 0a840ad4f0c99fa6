//! The data that describes a partner. In a partner's crate, each fact has its source next to it.

use std::time::Duration;

use ::http::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::choice::choice;
use crate::error::{LimitScope, PartnerError};
use crate::http::Reply;
use crate::kind::Kind;

/// Everything about a partner that is data and not code.
#[derive(Debug)]
pub struct Manifest {
    /// The name in settings, URLs and the database: lower case letters, digits, `_`.
    pub name: &'static str,
    /// The display name.
    pub title: &'static str,
    /// How users grant access.
    pub auth: Auth,
    /// Where the data API is, without a trailing slash; paths of [`Session`](crate::Session) calls
    /// are appended to it. Overridden by the setting `api_url`.
    pub api_url: &'static str,
    /// What can be polled. Each feed has its own cursor.
    pub feeds: &'static [Feed],
    /// What can be written to the partner; each kind at most once.
    pub push: &'static [Writable],
    /// How often the partner may be called. Overridden by the setting `limits`.
    pub limits: &'static [Limit],
    /// How long to wait after a "too many requests" response that does not say how long.
    pub retry_wait: Duration,
    /// How far back a first sync reads. Overridden by the setting `backfill`.
    pub backfill: Duration,
    /// Reads the partner's own error conventions before the general rules of
    /// [`Reply::check`] apply; `None` leaves a response to those rules.
    pub read_error: fn(&Reply) -> Option<PartnerError>,
    /// Reads feedback on limits from response headers; `|_| Vec::new()` where there is none.
    pub read_limits: fn(&HeaderMap) -> Vec<LimitReading>,
    /// Since when and why the partner no longer works, if it does not.
    pub ended: Option<&'static str>,
}

impl Manifest {
    /// The feed with this name.
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

    /// The kinds for which the partner stores the day and not the time.
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

/// A partner's OAuth 1.0a settings. Its tokens are valid until the user revokes them.
#[derive(Clone, Copy, Debug)]
pub struct OAuth1 {
    /// Where request tokens are obtained, at the start of a connect. Setting `request_token_url`.
    pub request_token_url: &'static str,
    /// How the request token is requested.
    pub request_token_method: TokenMethod,
    /// Where the browser is sent. Setting `authorize_url`.
    pub authorize_url: &'static str,
    /// Where a request token is exchanged for an access token. Setting `token_url`.
    pub token_url: &'static str,
    /// How the access token is requested.
    pub token_method: TokenMethod,
    /// Where the protocol's parameters go in every call.
    pub placement: Placement,
}

/// How an OAuth 1.0a token is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenMethod {
    /// By `GET`.
    Get,
    /// By `POST`.
    Post,
}

/// Where the OAuth 1.0a parameters go in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// In the `Authorization` header. Preferred, because URLs end up in logs.
    Header,
    /// In the query of the URL, for partners that read them only there.
    Query,
}

/// A partner's OAuth 2.0 settings.
#[derive(Clone, Copy, Debug)]
pub struct OAuth2 {
    /// Where the browser is sent. Setting `authorize_url`.
    pub authorize_url: &'static str,
    /// Where codes and refresh tokens are exchanged. Setting `token_url`.
    pub token_url: &'static str,
    /// Where tokens are revoked. Setting `revoke_url`.
    pub revoke_url: Option<&'static str>,
    /// The scopes to request.
    pub scopes: &'static [&'static str],
    /// The separator of scopes: a space by RFC 6749, but not at every partner.
    pub scope_separator: &'static str,
    /// Where the client's id and secret go in token calls.
    pub client_auth: ClientAuth,
    /// Whether the partner supports PKCE (RFC 7636, S256).
    pub pkce: bool,
    /// Additional parameters of the authorize URL.
    pub authorize_params: &'static [(&'static str, &'static str)],
    /// Additional parameters of token calls.
    pub token_params: &'static [(&'static str, &'static str)],
}

/// Where the client's id and secret go in token calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// In the form body.
    Body,
    /// In an `Authorization: Basic` header.
    Basic,
}

/// One list at the partner, with one cursor; it may contain several kinds.
#[derive(Clone, Copy, Debug)]
pub struct Feed {
    /// The name in cursors and the timeline.
    pub name: &'static str,
    /// The kinds it contains.
    pub kinds: &'static [Kind],
    /// How far before its cursor each poll reads, for lists that cannot be filtered by change. Zero
    /// where the partner filters by the time of modification.
    pub trailing: Duration,
    /// How far before its cursor a wide look reads: once a day, and when a person asks for a sync,
    /// it finds what ordinary polls cannot, such as late uploads and deletions that the partner does
    /// not report. Zero where ordinary polls learn of every change, of whatever age.
    pub wide: Duration,
    /// The scopes of which the user must have granted one; empty if none is needed. Where the
    /// partner reports the granted scopes, kinds without one are switched off at the connect.
    pub scopes: &'static [&'static str],
}

/// How some kinds can be written.
#[derive(Clone, Copy, Debug)]
pub struct Writable {
    /// The kinds this applies to.
    pub kinds: &'static [Kind],
    /// How a change of a record reaches the partner.
    pub update: Update,
    /// Whether a record can be deleted at the partner.
    pub delete: bool,
    /// Whether the partner stores the day of a record and not its time.
    pub day_only: bool,
    /// How many changes of the same type fit in one call; 1 where the partner has no batch call.
    pub batch: usize,
    /// As [`Feed::scopes`].
    pub scopes: &'static [&'static str],
}

/// How the partner applies a change to a record that it already has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// The partner changes it in place.
    InPlace,
    /// The record is deleted and created again; needs [`Writable::delete`].
    Replace,
    /// Not possible: the change is refused, with that as the reason.
    Never,
}

/// A limit on the number of calls in a time window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The number of calls allowed.
    pub calls: u32,
    /// The length of the window.
    pub per: Duration,
    /// Whose calls are counted together.
    pub scope: LimitScope,
    /// How the windows are aligned.
    pub window: WindowKind,
    /// Which calls count.
    pub counts: Counts,
}

impl Limit {
    /// At most `calls` calls of any kind by the whole application in any window of length `per`.
    pub const fn app(calls: u32, per: Duration) -> Self {
        let (window, counts) = (WindowKind::Sliding, Counts::All);
        Self { calls, per, scope: LimitScope::App, window, counts }
    }

    /// The same, counted per connection.
    pub const fn connection(calls: u32, per: Duration) -> Self {
        Self { scope: LimitScope::Connection, ..Self::app(calls, per) }
    }

    /// The same with fixed windows.
    #[must_use]
    pub const fn fixed(self) -> Self {
        Self { window: WindowKind::Fixed, ..self }
    }

    /// The same, but only calls that read count.
    #[must_use]
    pub const fn of_reads(self) -> Self {
        Self { counts: Counts::Reads, ..self }
    }
}

/// How the windows of a limit are aligned.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum WindowKind {
    /// Every period of that length is a window.
    #[default]
    Sliding,
    /// A window begins at each multiple of the length since 1970 in UTC: at :00, :15, :30 and :45
    /// for a quarter of an hour, at midnight for a day.
    Fixed,
}

choice!(WindowKind, Sliding = "sliding", Fixed = "fixed");

/// Which calls count against a limit.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Counts {
    /// All.
    #[default]
    All,
    /// Those that only read: `GET` and `HEAD`.
    Reads,
}

choice!(Counts, All = "all", Reads = "reads");

impl Counts {
    /// Whether a call of this kind counts.
    pub const fn includes(self, call: CallKind) -> bool {
        matches!((self, call), (Self::All, _) | (Self::Reads, CallKind::Read))
    }
}

/// What a call does at the partner, as far as limits distinguish calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallKind {
    /// It only reads: `GET` or `HEAD`.
    Read,
    /// It may change something there.
    Write,
}

/// Feedback on one limit, from the headers of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitReading {
    /// Which calls the limit applies to.
    pub scope: LimitScope,
    /// The length of the window, which identifies the limit in the manifest.
    pub per: Duration,
    /// Which calls it counts.
    pub counts: Counts,
    /// How many calls the partner allows in a window.
    pub calls: u32,
    /// How many it has counted in the current window.
    pub used: u32,
    /// How long until the current window ends, if reported.
    pub resets_in: Option<Duration>,
}
