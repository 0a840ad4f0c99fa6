//! What is data about a partner. Facts carry their source beside them in the partner's crate.

use std::time::Duration;

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
    /// The kinds that can be written to the partner.
    pub push: &'static [Kind],
    /// How often the partner may be called. Overridden by the setting `limits`.
    pub limits: &'static [Limit],
    /// How long to wait after a "too many requests" that does not say.
    pub retry_wait: Duration,
    /// How far back a first sync reads. Overridden by the setting `backfill`.
    pub backfill: Duration,
    /// Reads the partner's own error conventions before the general rules of
    /// [`Reply::check`] apply; `None` leaves an answer to those rules.
    pub read_error: fn(&Reply) -> Option<PartnerError>,
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
}

/// How users grant access.
#[derive(Clone, Copy, Debug)]
pub enum Auth {
    /// OAuth 2.0 authorization code (RFC 6749).
    OAuth2(OAuth2),
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
}

/// So many calls in any stretch of a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The number of calls allowed.
    pub calls: u32,
    /// The length of the window.
    pub per: Duration,
    /// Whose calls are counted together.
    pub scope: LimitScope,
}
