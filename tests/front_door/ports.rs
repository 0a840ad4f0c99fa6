//! Ports that a process can listen on again after a restart.

use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the ports that the system gives to outgoing connections: one of those could be taken while
/// a daemon is down.
const FIRST: u32 = 20_000;

/// For one of the tests that run at the same time.
const EACH: u32 = 100;

/// A port that nobody listens on, nor is given to another test that runs now.
pub(crate) fn free() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let slot = std::env::var("NEXTEST_TEST_GLOBAL_SLOT").ok().and_then(|slot| slot.parse().ok());
    let first = FIRST + EACH * (slot.unwrap_or_else(process::id) % 120);
    loop {
        // Another run of the tests beside this one has the same slots, but other processes.
        let number = process::id().wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % EACH;
        let port = u16::try_from(first + number).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
