//! What a partner has seen, for tests that check how a client behaves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The most calls in any window of that length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusiestWindow {
    /// Calls, the refused ones too.
    pub calls: usize,
    /// Length in real seconds: that of the application's limit, 60 without one.
    pub seconds: u32,
}

/// What happened since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Calls to the API, token calls and refused ones included; not the authorize page, not `/control`.
    pub calls: u64,
    /// The same by path, ids replaced by `{id}`, unknown paths together as `other`.
    pub by_path: BTreeMap<String, u64>,
    /// Calls that write data, by method and path; those a fault kept from being served included.
    pub writes: BTreeMap<String, u64>,
    /// Calls over a rate limit.
    pub rejected: u64,
    /// Calls refused because they were the same as one just before (Withings).
    pub dedupe_hits: u64,
    /// Calls that a fault hit, latency aside.
    pub faulted: u64,
    /// The most calls of the application in any window.
    pub busiest_window: BusiestWindow,
    /// Successful refreshes.
    pub refreshes: u64,
    /// Refresh tokens presented after they had been used.
    pub refresh_token_reuse: u64,
    /// The most calls of one account that were under way at the same time.
    pub max_concurrent_per_account: u32,
    /// Consents given on the authorize page.
    pub codes_issued: u64,
    /// Codes turned into tokens.
    pub codes_exchanged: u64,
    /// Consents ended through the partner's revoke call or `/control`.
    pub revoked: u64,
}

impl Counts {
    /// A call other than a GET, below an address that is not for tokens.
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
