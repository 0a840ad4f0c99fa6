#![doc = include_str!("../README.md")]

mod accounts;
mod authorize;
mod call;
mod clock;
mod collection;
mod connection;
mod control;
mod counts;
mod fatsecret;
mod faults;
mod fitbit;
mod fixed;
mod front;
mod google_health;
mod growth;
mod limits;
mod moves;
mod notifications;
mod oauth1;
mod options;
mod overview;
mod pages;
mod partner;
mod pkce;
mod rng;
mod runkeeper;
mod sandbox;
mod server;
mod strava;
mod token_calls;
mod tokens;
mod under_way;
mod withings;

pub use crate::control::{
    AccountChange, AccountSummary, CallbackCheck, Control, ControlError, IssuedTokens, TokenAction,
};
pub use crate::counts::{BusiestWindow, Counts};
pub use crate::faults::{ActiveFault, Fault, FaultOn, FaultRule};
pub use crate::fixed::FixedLimit;
pub use crate::google_health::service_account_json;
pub use crate::limits::{Limit, Limits};
pub use crate::notifications::{
    Deliveries, Delivery, Flood, FloodReport, Forgery, Hits, NotificationFaults, Subscription,
};
pub use crate::options::{Options, PartnerUrls};
pub use crate::sandbox::Sandbox;
pub use crate::token_calls::{TokenCall, TokenRules};
pub use crate::under_way::{CallKind, CallUnderWay};
