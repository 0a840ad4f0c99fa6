//! The watchdog: the service manager restarts a daemon that hangs. It is fed only after every event loop
//! has turned and the store has answered. A database that is away or takes no writes is an answer: a
//! restart would not mend that.

use std::time::{Duration, Instant};

use super::{Pulses, notices};
use crate::store::Store;

/// Feeds the watchdog until it is dropped; returns at once if there is none.
pub async fn feed(pulses: Pulses, store: Store) {
    let Some(period) = sd_notify::watchdog_enabled() else { return };
    let patience = period / 2;
    loop {
        match hanging(&pulses, &store, patience).await {
            None => notices::alive(),
            Some(what) => tracing::error!(
                what,
                "does not answer; if it goes on, the service manager restarts the daemon"
            ),
        }
        tokio::time::sleep(period / 4).await;
    }
}

/// What hangs, if something does.
async fn hanging(pulses: &Pulses, store: &Store, patience: Duration) -> Option<String> {
    match pulses.silent(Instant::now(), patience) {
        Some(silent) => Some(silent),
        None => store.hanging(patience / 2).await.map(str::to_owned),
    }
}
