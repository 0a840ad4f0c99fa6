//! What a partner received, for tests that check how a client behaves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The most calls in any window of this length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusiestWindow {
    /// Number of calls, refused ones included.
    pub calls: usize,
    /// Length in real seconds: the length of the application's limit, or 60 without one.
    pub seconds: u32,
}

/// Counts since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Calls to the API, token calls and refused ones included; not the authorize page, not
    /// `/control`.
    pub calls: u64,
    /// The same by path: ids replaced by `{id}`, unknown paths together as `other`.
    pub by_path: BTreeMap<String, u64>,
    /// Calls that write data, by method and path, including those that a fault kept from being
    /// served.
    pub writes: BTreeMap<String, u64>,
    /// Calls over a rate limit.
    pub rejected: u64,
    /// Calls refused because they repeated a call just before (Withings).
    pub dedupe_hits: u64,
    /// Calls hit by a fault, latency aside.
    pub faulted: u64,
    /// The most calls of the application in any window.
    pub busiest_window: BusiestWindow,
    /// Successful refreshes.
    pub refreshes: u64,
    /// Refresh tokens presented again after use.
    pub refresh_token_reuse: u64,
    /// The most calls of one account in progress at the same time.
    pub max_concurrent_per_account: u32,
    /// Consents given on the authorize page.
    pub codes_issued: u64,
    /// Codes turned into tokens.
    pub codes_exchanged: u64,
    /// Consents ended through the partner's revoke call or `/control`.
    pub revoked: u64,
}

impl Counts {
    /// Counts a call other than GET at an address that does not serve tokens.
    pub(crate) fn write(&mut self, method: &str, path: &str) {
        *self.writes.entry(format!("{method} {path}")).or_default() += 1;
    }

    pub(crate) fn call(&mut self, path: &str) {
        self.calls += 1;
        match self.by_path.get_mut(path) {
            Some(count) => *count += 1,
            None => {
                self.by_path.insert(path.to_owned(), 1);
            }
        }
    }
}
