//! Messages about connecting, its settings and disconnecting.

use actix::Message;
use chrono::{DateTime, Utc};
use partner_sdk::secrecy::SecretString;
use tokio::sync::oneshot;

use super::messages::SessionError;
use crate::model::{AuthorizationSecrets, Choice, ConnectEnd, ConnectionId};
use crate::oauth::{Authorization, AuthorizationResponse};
use crate::store::HeldGrant;

/// To a partner actor: get the request token for a connect that begins (OAuth 1.0a).
#[derive(Message)]
#[rtype(result = "()")]
pub struct BeginConnect {
    /// The caller that waits.
    pub reply: oneshot::Sender<Result<Authorization, NotBegun>>,
}

/// Why a connect could not begin, as human-readable text.
#[derive(Clone, Debug)]
pub struct NotBegun {
    /// What happened.
    pub reason: String,
    /// Whether trying again later may work.
    pub passes: bool,
}

/// To a partner actor: the browser came back with the response to an authorization.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Connect {
    /// The connection it is for.
    pub connection: ConnectionId,
    /// What it brought.
    pub response: AuthorizationResponse,
    /// The secrets kept until then.
    pub secrets: AuthorizationSecrets,
    /// The scopes the user granted, if the partner reports them with the code.
    pub scopes: Option<String>,
    /// What the user chose for the connection.
    pub choices: Vec<Choice>,
    /// If the host app is to confirm it: the token with which it does, and until when.
    pub confirm: Option<(SecretString, DateTime<Utc>)>,
    /// The caller that waits.
    pub reply: oneshot::Sender<Result<Connected, ConnectFailure>>,
}

/// The host app confirms what a user granted: the connection works from now on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Confirm {
    /// What was granted.
    pub grant: HeldGrant,
    /// The token that confirms it.
    pub token: SecretString,
    /// The caller that waits.
    pub reply: oneshot::Sender<Result<Connected, ConnectFailure>>,
}

/// What nobody confirmed in time is revoked at the partner.
#[derive(Message)]
#[rtype(result = "()")]
pub struct RevokeGrant {
    /// Names the grant in the store.
    pub digest: Vec<u8>,
    /// What was granted.
    pub grant: HeldGrant,
    /// The caller that waits.
    pub reply: oneshot::Sender<Revocation>,
}

/// A connect that succeeded.
#[derive(Clone, Copy, Debug)]
pub struct Connected {
    /// Whether it is the same account as before.
    pub same_account: bool,
    /// Whether the host app is to confirm it first.
    pub awaits_confirmation: bool,
}

/// Why a connect failed.
#[derive(Clone, Debug)]
pub struct ConnectFailure {
    /// For the host app.
    pub end: ConnectEnd,
    /// As human-readable text.
    pub text: String,
}

/// To a partner actor: end a connection.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Disconnect {
    /// The connection.
    pub connection: ConnectionId,
    /// The caller that waits; the error is the store's.
    pub reply: oneshot::Sender<Result<Revocation, SessionError>>,
}

/// To a partner actor: change the settings of a connection.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Configure {
    /// The connection.
    pub connection: ConnectionId,
    /// What the user chose.
    pub choices: Vec<Choice>,
    /// The caller that waits; the error is the store's.
    pub reply: oneshot::Sender<Result<(), SessionError>>,
}

/// Whether the partner was notified of a disconnect.
#[derive(Clone, Debug)]
pub enum Revocation {
    /// It was, or there was nothing to revoke.
    Done,
    /// The partner revokes nothing; why, as human-readable text. The tokens are deleted here all the same.
    Refused(String),
    /// It could not be notified; why, as human-readable text. A disconnect deletes the tokens all the same.
    Failed(String),
}
