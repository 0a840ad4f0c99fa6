//! Syncwell keeps the health data of an application's users in sync with the services they already
//! use. `ARCHITECTURE.md` describes the structure; each module begins with its contract.

pub mod actors;
pub mod administrators;
pub mod application;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod events;
pub mod explain;
pub mod feed;
pub mod figures;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod incidents;
pub mod installed;
pub mod key_file;
pub mod keys;
pub mod limits;
pub mod model;
pub mod oauth;
pub mod partners;
pub mod reception;
pub mod rekeying;
pub mod retention;
pub mod scheduler;
pub mod service_manager;
pub mod settings;
pub mod store;
pub mod sync;
pub mod telemetry;
pub mod vault;
pub mod web;
