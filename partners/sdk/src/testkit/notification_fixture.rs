//! A partner's notifications, as its crate gives them to the suite.

use std::time::Duration;

use ::http::Method;

use super::Expect;
use super::server::Canned;
use crate::{CallbackAnswer, Hint};

/// The client secret with which the notifications of a fixture are signed.
pub const CLIENT_SECRET: &str = "conformance-client-secret-e91f36";

/// [`Callback::secret`](crate::Callback::secret) in the suite.
pub const NOTIFICATION_SECRET: &str = "conformance-notification-secret-41c7d9";

/// [`Callback::issued_secret`](crate::Callback::issued_secret) in the suite.
pub const ISSUED_SECRET: &str = "conformance-issued-secret-b6203f";

/// A call to our address, as the partner makes it.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub(super) method: Method,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Incoming {
    /// A `POST` of this body.
    pub fn post(body: impl Into<Vec<u8>>) -> Self {
        let (query, headers) = (Vec::new(), Vec::new());
        Self { method: Method::POST, query, headers, body: body.into() }
    }

    /// A `GET` with these parameters.
    pub fn get(parameters: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let query = parameters.iter().map(owned).collect();
        Self { method: Method::GET, query, ..Self::post("") }
    }

    /// A `HEAD` without parameters.
    pub fn head() -> Self {
        Self { method: Method::HEAD, ..Self::post("") }
    }

    /// The same with a header by which the partner is recognized, such as a signature or its
    /// timestamp. The suite tries it without the header, and with each of its characters changed.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// How it is seen that a notification is from the partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By a signature over the body, in headers: any change of either is refused.
    Signature,
    /// By a secret that the partner sends along in a header: any change of it is refused.
    Secret,
    /// By nothing but the address, whose last part is a secret.
    Address,
}

/// Calls of ours, and what the partner answers.
#[derive(Clone, Debug)]
pub(super) struct CallScript {
    pub(super) case: String,
    pub(super) answers: Vec<Canned>,
    pub(super) requests: Vec<String>,
}

/// Makes the headers that sign a body.
type Signer = fn(&[u8]) -> Vec<(&'static str, String)>;

/// A partner's notifications. They come at 2026-03-04T12:00:00Z (1772625600), signed with
/// [`CLIENT_SECRET`] or [`ISSUED_SECRET`]. Make the signatures by a program that is not the
/// partner's code, such as `openssl dgst -sha256 -hmac`.
#[derive(Clone, Debug)]
#[must_use = "nothing is tested before it is given to the suite"]
pub struct NotificationFixture {
    pub(super) proof: Proof,
    pub(super) notifications: Vec<(String, Incoming, Vec<Hint>)>,
    pub(super) handshakes: Vec<(String, Incoming, CallbackAnswer)>,
    pub(super) refused: Vec<(String, Incoming, u16)>,
    pub(super) valid_for: Option<Duration>,
    pub(super) may_lack: Vec<String>,
    pub(super) signer: Option<Signer>,
    pub(super) subscribe: Option<CallScript>,
    pub(super) again: Option<CallScript>,
    pub(super) repairs: Vec<CallScript>,
    pub(super) unsubscribe: Option<CallScript>,
    pub(super) failures: Vec<(String, Vec<Canned>, Expect)>,
    pub(super) instead: Vec<(String, Expect)>,
    pub(super) service_account: Option<String>,
    pub(super) is_secret_in_urls: bool,
}

impl NotificationFixture {
    /// No notifications yet.
    pub fn new(proof: Proof) -> Self {
        Self {
            proof,
            notifications: Vec::new(),
            handshakes: Vec::new(),
            refused: Vec::new(),
            valid_for: None,
            may_lack: Vec::new(),
            signer: None,
            subscribe: None,
            again: None,
            repairs: Vec::new(),
            unsubscribe: None,
            failures: Vec::new(),
            instead: Vec::new(),
            service_account: None,
            is_secret_in_urls: false,
        }
    }

    /// A notification and what it says.
    pub fn notification(mut self, case: &str, call: Incoming, hints: &[Hint]) -> Self {
        self.notifications.push((case.to_owned(), call, hints.to_vec()));
        self
    }

    /// A part of a handshake and its answer.
    pub fn handshake(mut self, case: &str, call: Incoming, answer: CallbackAnswer) -> Self {
        self.handshakes.push((case.to_owned(), call, answer));
        self
    }

    /// A call that is refused with this status.
    pub fn refused(mut self, case: &str, call: Incoming, status: u16) -> Self {
        self.refused.push((case.to_owned(), call, status));
        self
    }

    /// How far the timestamp of a notification may be away from now.
    pub fn valid_for(self, tolerance: Duration) -> Self {
        Self { valid_for: Some(tolerance), ..self }
    }

    /// A header of the notifications that the partner leaves out at times.
    pub fn may_lack(mut self, header: &str) -> Self {
        self.may_lack.push(header.to_owned());
        self
    }

    /// Makes the headers that sign a body, for the bodies that the suite makes up: a call that is
    /// signed well may still have any body.
    pub fn signed_by(self, signer: Signer) -> Self {
        Self { signer: Some(signer), ..self }
    }

    /// The calls that subscribe where nothing is subscribed yet, with their responses.
    pub fn subscribe(self, answers: &[Canned], requests: &[&str]) -> Self {
        Self { subscribe: Some(script("it subscribes", answers, requests)), ..self }
    }

    /// The calls after that, where everything is in place: fewer.
    pub fn again(self, answers: &[Canned], requests: &[&str]) -> Self {
        Self { again: Some(script("it does not subscribe twice", answers, requests)), ..self }
    }

    /// The calls that mend a subscription that was lost or is wrong.
    pub fn repair(mut self, case: &str, answers: &[Canned], requests: &[&str]) -> Self {
        self.repairs.push(script(case, answers, requests));
        self
    }

    /// The calls that end a subscription.
    pub fn unsubscribe(self, answers: &[Canned], requests: &[&str]) -> Self {
        Self { unsubscribe: Some(script("it unsubscribes", answers, requests)), ..self }
    }

    /// Responses to the calls that subscribe, of which the last is a failure with this meaning.
    pub fn failure(mut self, case: &str, answers: &[Canned], expect: Expect) -> Self {
        self.failures.push((case.to_owned(), answers.to_vec(), expect));
        self
    }

    /// A different meaning of a response to these calls that every partner is tested with.
    pub fn instead(mut self, case: &str, expect: Expect) -> Self {
        self.instead.push((case.to_owned(), expect));
        self
    }

    /// The application's service account, for partners whose subscriptions need it.
    pub fn service_account(self, file: &str) -> Self {
        Self { service_account: Some(file.to_owned()), ..self }
    }

    /// The partner takes the client secret nowhere but in the URL.
    pub fn secret_in_urls(self) -> Self {
        Self { is_secret_in_urls: true, ..self }
    }
}

fn script(case: &str, answers: &[Canned], requests: &[&str]) -> CallScript {
    let requests = requests.iter().map(|text| (*text).to_owned()).collect();
    CallScript { case: case.to_owned(), answers: answers.to_vec(), requests }
}
