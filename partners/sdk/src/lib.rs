//! The only Syncwell crate that a partner depends on.
//!
//! A partner is a [`Manifest`] (the data: OAuth URLs, scopes, feeds, limits) and a [`Partner`] (the
//! code: fetch one page after a cursor, map it, read non-standard token responses). The daemon
//! refreshes tokens, respects limits, retries, schedules, deduplicates and stores.
//! `partners/README.md` is the guide; the contract is in the items below.
//!
//! - [`Session`] makes every call to the partner: it waits for a permit, signs, limits time and
//!   size, follows no redirects and turns failures into a [`PartnerError`].
//! - [`RemoteRecord`] is a record as a partner reports it; [`RejectedRecord`] is one that could not
//!   be read. One bad record never affects the others.
//! - [`testkit`] (feature `testkit`) is the conformance suite that every partner runs.

mod callback;
mod choice;
mod error;
mod http;
mod kind;
mod manifest;
mod moment;
mod nothing;
mod notification;
mod number;
mod page;
mod page_guard;
mod partner;
mod push;
mod record;
mod shape;
mod signature;
#[cfg(feature = "testkit")]
pub mod testkit;
mod token;

pub use ::http::{HeaderMap, Method, header};
pub use async_trait::async_trait;
pub use chrono;
pub use chrono_tz::Tz;
pub use rust_decimal::{self, Decimal};
pub use secrecy;
pub use serde_json;

pub use crate::callback::{Refusal, id_text};
pub use crate::error::{LimitScope, PartnerError};
pub use crate::http::{
    AccessToken, BodyBudget, Call, Credentials, Endpoints, Gate, Permit, Reply, Session,
    Timestamps, http_client,
};
pub use crate::kind::{Kind, MeasurementType};
pub use crate::manifest::{
    Auth, CallKind, ClientAuth, Counts, Feed, Limit, LimitReading, Manifest, OAuth1, OAuth2,
    Placement, TokenMethod, Update, WindowKind, Writable,
};
pub use crate::moment::{Moment, TimeBasis};
pub use crate::nothing::list_or_nothing;
pub use crate::notification::{
    About, Callback, CallbackAnswer, Hint, NotificationRules, Notifier, Received, Subscribed,
    Subscribing, SubscriptionRequest, Topic,
};
pub use crate::number::Number;
pub use crate::page::{Cursor, Page, PollRequest, TimeRange, in_words};
pub use crate::page_guard::PageGuard;
pub use crate::partner::{Grant, Partner};
pub use crate::push::{Action, PushRequest, Pushed, RecordData, RemoteRef};
pub use crate::record::{
    Activity, Body, Exercise, Meal, Measurement, Nutrition, RejectedRecord, RemoteRecord,
};
pub use crate::signature::Signature;
pub use crate::token::{form_token_reply, read_token_reply, standard_token_reply};
