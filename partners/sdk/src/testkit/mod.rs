//! The conformance suite that every partner runs, and the scripted server it runs against.
//!
//! ```ignore
//! #[tokio::test]
//! async fn conforms() {
//!     Conformance::new(Arc::new(Example))
//!         .token_reply(include_str!("../fixtures/token.json"), "41224810")
//!         .token_failure(
//!             "dead refresh token",
//!             Canned::json(400, r#"{"error":"invalid_grant"}"#),
//!             Expect::Unauthorized,
//!         )
//!         .feed(
//!             "weight",
//!             &[include_str!("../fixtures/weight.json")],
//!             include_str!("../fixtures/weight.expected.json"),
//!         )
//!         .run()
//!         .await;
//! }
//! ```
//!
//! The partner's calls go to a server that responds from the fixtures, whatever their URL: it is
//! the proxy of the HTTP client, so that a call to another host is seen and reported.
//! [`Conformance::run`] runs every case separately and panics once, with the list of failed cases.
//! A panic or a hang of the partner fails only that case.
//!
//! # The expected records
//!
//! Write them by hand from the partner's documentation; do not copy the output of the code. They
//! are an array of records, or an object with `records` and, if there are any, `deleted` (ids or
//! groups) and `refused` (ids, or `null` where no id could be read).
//!
//! ```json
//! [{"source_id": "5010203040:weight", "group": "5010203040", "start": "2026-03-04T06:15:00+02:00",
//!   "time_basis": "exact", "kind": "measurement",
//!   "content": {"type": "weight", "value": 78.12, "unit": "kg"}}]
//! ```
//!
//! `group`, `end`, `modified` and fields of `content` may be left out if null. The order does not
//! matter.

mod answers;
mod conformance;
mod expect;
mod expected;
mod feeds;
mod harness;
mod hiccups;
mod items;
mod manifest;
mod mutate;
mod notification_fixture;
mod notifications;
mod probe;
mod push;
mod push_fixture;
mod readme;
mod report;
mod requests;
mod server;
mod subscriptions;
mod token_fields;
mod tokens;

pub use self::conformance::Conformance;
pub use self::expect::Expect;
pub use self::harness::session;
pub use self::notification_fixture::{
    CLIENT_SECRET, ISSUED_SECRET, Incoming, NOTIFICATION_SECRET, NotificationFixture, Proof,
};
pub use self::probe::Probe;
pub use self::push_fixture::PushFixture;
pub use self::readme::readme_row;
pub use self::report::{Failure, Report};
pub use self::server::Canned;
