//! End-to-end tests: the real daemon runs in its own process, is called over HTTP and calls the
//! simulated partners over HTTP.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/database.rs"]
mod database;
mod harness;
mod host_app;
mod items;
mod partners;

mod access;
mod api;
mod app_ids;
mod audit;
mod backups;
mod bodies;
mod browser;
mod callbacks;
mod choices;
mod cli;
mod clients;
mod clocks;
mod coalescing;
mod confirming;
mod connect_page;
mod connecting;
mod crashes;
mod deletions;
#[cfg(target_os = "linux")]
mod dumps;
mod edge;
mod errors;
mod every_partner;
mod explain;
mod faults;
mod first_syncs;
mod guides;
mod histories;
mod hostile;
mod key_rotation;
mod late_calls;
mod limits;
mod logs;
mod manners;
mod meaning;
mod metrics;
mod notifications;
mod oauth1;
mod one_daemon;
mod own_records;
mod pages;
mod partner_pages;
mod polling;
mod ports;
mod postgres;
mod process;
mod rates;
mod retention;
#[path = "../support/server.rs"]
mod server;
mod service_manager;
mod storage;
mod streams;
mod supervision;
mod switched_off;
mod timeline;
mod tokens;
mod traces;
#[cfg(test)]
mod two_way;
mod webdriver;
mod webhooks;
