//! The options a sandbox starts with.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::limits::Limits;

/// The options of a sandbox; use `..Default::default()` for the rest.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address to listen on; `127.0.0.1:0` (any free port) by default. There is no access control:
    /// keep it on the machine.
    pub listen: SocketAddr,
    /// Determines all made-up data and tokens; 1 by default.
    pub seed: u64,
    /// Where the virtual clock starts, in Unix seconds; the machine's time by default.
    pub start: Option<i64>,
    /// The registered application's id at every partner; `syncwell-sandbox` by default.
    pub client_id: String,
    /// Its secret; `sandbox-secret` by default.
    pub client_secret: String,
    /// Registered callback addresses; without any, which is the default, every address is accepted.
    pub redirect_uris: Vec<String>,
    /// Accounts that each partner starts with, named `account-1` and so on; 5 by default.
    pub accounts: u32,
    /// Days of made-up history that an account starts with; 60 by default.
    pub history_days: u32,
    /// Real time between automatic changes (a new, late or corrected record); never by default.
    pub growth: Option<Duration>,
    /// Limits of single partners, by name; a partner that is not named has its documented limits.
    pub limits: BTreeMap<&'static str, Limits>,
    /// Whether partners that are not named in `limits` have no limits; for tests of other things.
    pub unlimited: bool,
    /// Load mode, for benchmarks: at Withings the access tokens `load-1`, `load-2` and so on never
    /// expire and need neither an account nor a connect, and each of their `getmeas` calls finds
    /// this many new measurements. Off by default.
    pub fresh: Option<u32>,
    /// Delay of every answer of a partner; none by default.
    pub latency: Duration,
    /// Number of threads that answer; 1 by default.
    pub workers: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            start: None,
            client_id: "syncwell-sandbox".to_owned(),
            client_secret: "sandbox-secret".to_owned(),
            redirect_uris: Vec::new(),
            accounts: 5,
            history_days: 60,
            growth: None,
            limits: BTreeMap::new(),
            unlimited: false,
            fresh: None,
            latency: Duration::ZERO,
            workers: 1,
        }
    }
}

/// Addresses of one simulated partner, for the daemon's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerUrls {
    /// Where a connect begins, at partners with OAuth 1.0a.
    pub request_token_url: Option<String>,
    /// The page where a user allows or denies access.
    pub authorize_url: String,
    /// Where codes and refresh tokens are exchanged.
    pub token_url: String,
    /// The partner's paths are appended to this; it has a path of its own.
    pub api_url: String,
    /// Where an application ends a consent.
    pub revoke_url: Option<String>,
}
