//! Time as a dependency: code that depends on the time uses the clock that it was given.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// A source of the current time.
pub trait Clock: Debug + Send + Sync {
    /// The current time.
    fn now(&self) -> DateTime<Utc>;
}

/// A clock that reads the machine's clock once and then advances evenly. A correction of the
/// machine's clock neither frees a rate limit early nor makes every poll due at once. It follows
/// the machine's clock only if that is ahead by minutes: after a suspend, or when the time was set
/// late.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
    /// A time of this clock, and how long the process had run at that time.
    anchor: Mutex<(DateTime<Utc>, Duration)>,
}

/// How far ahead the machine's clock must be to be followed; longer than the windows of most
/// limits.
const JUMP: TimeDelta = TimeDelta::minutes(5);

impl SystemClock {
    /// Creates a clock set to the machine's time.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    pub fn new() -> Self {
        Self { started: Instant::now(), anchor: Mutex::new((Utc::now(), Duration::ZERO)) }
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    fn even(&self) -> DateTime<Utc> {
        let elapsed = self.started.elapsed();
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let since = TimeDelta::from_std(elapsed.saturating_sub(anchor.1)).unwrap_or_default();
        let even = anchor.0 + since;
        let machine = Utc::now();
        if machine - even < JUMP {
            return even;
        }
        *anchor = (machine, elapsed);
        machine
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[cfg(not(feature = "failpoints"))]
    fn now(&self) -> DateTime<Utc> {
        self.even()
    }

    #[cfg(feature = "failpoints")]
    fn now(&self) -> DateTime<Utc> {
        self.even() + moved::by()
    }
}

/// Whether a test may move the clock at any moment.
#[cfg(feature = "failpoints")]
pub fn is_moved_by_tests() -> bool {
    moved::FILE.is_some()
}

/// The clock of tests, which let hours pass without waiting for them.
#[cfg(feature = "failpoints")]
mod moved {
    use std::path::PathBuf;
    use std::sync::LazyLock;

    use chrono::TimeDelta;

    /// The file that says by how many milliseconds the clock is ahead. A test replaces it as a whole,
    /// so that it is never read half written.
    pub(super) static FILE: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| std::env::var_os("SYNCWELL_TEST_CLOCK").map(PathBuf::from));

    pub(super) fn by() -> TimeDelta {
        let text = FILE.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        let millis = text.and_then(|text| text.trim().parse().ok());
        millis.and_then(TimeDelta::try_milliseconds).unwrap_or_default()
    }
}
