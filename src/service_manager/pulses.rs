//! Whether each event loop of the daemon still turns: a task on it says so every second.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How often an event loop shows that it turns.
const EVERY: Duration = Duration::from_secs(1);

/// How often it is looked whether all have turned that were asked to.
const LOOK: Duration = Duration::from_millis(5);

/// When each event loop last turned, shared.
#[derive(Clone, Debug, Default)]
pub struct Pulses {
    known: Arc<Mutex<Known>>,
    asked: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Known {
    next: u64,
    /// By a number that no other has: after a restart two may have one name for a moment.
    loops: BTreeMap<u64, (String, Instant)>,
}

/// One event loop. When it ends it is forgotten.
struct Pulse {
    pulses: Pulses,
    number: u64,
}

impl Pulses {
    /// A task for an event loop: it lasts as long as that does.
    pub fn of(&self, name: &str) -> impl Future<Output = ()> + use<> + 'static {
        let pulse = self.begin(name.to_owned(), Instant::now());
        let asked = Arc::clone(&self.asked);
        async move {
            loop {
                // Asked or not, it shows that it turns.
                drop(tokio::time::timeout(EVERY, asked.notified()).await);
                pulse.beat(Instant::now());
            }
        }
    }

    /// Waits until every event loop has turned once from now on, but no longer than this.
    pub async fn all_turn(&self, at_most: Duration) {
        let asked_at = Instant::now();
        while asked_at.elapsed() < at_most {
            self.asked.notify_waiters();
            tokio::time::sleep(LOOK).await;
            let known = self.known();
            if known.loops.values().all(|(_, at)| *at > asked_at) {
                return;
            }
        }
    }

    /// An event loop that has not turned for longer than `patience`.
    pub fn silent(&self, now: Instant, patience: Duration) -> Option<String> {
        let known = self.known();
        let mut loops = known.loops.values();
        let silent = loops.find(|(_, at)| now.saturating_duration_since(*at) > patience);
        silent.map(|(name, _)| name.clone())
    }

    fn begin(&self, name: String, now: Instant) -> Pulse {
        let mut known = self.known();
        let number = known.next;
        known.next += 1;
        known.loops.insert(number, (name, now));
        drop(known);
        Pulse { pulses: self.clone(), number }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pulse {
    fn beat(&self, now: Instant) {
        if let Some((_, at)) = self.pulses.known().loops.get_mut(&self.number) {
            *at = now;
        }
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.pulses.known().loops.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn a_loop_that_stops_turning_is_named_and_one_that_ended_is_not() {
        let (pulses, began) = (Pulses::default(), Instant::now());
        let withings = pulses.begin("withings".to_owned(), began);
        let web = pulses.begin("web".to_owned(), began);
        let later = began + PATIENCE;
        assert_eq!(pulses.silent(later, PATIENCE), None);
        web.beat(later);
        let much_later = later + Duration::from_secs(1);
        assert_eq!(pulses.silent(much_later, PATIENCE).as_deref(), Some("withings"));
        drop(withings);
        assert_eq!(pulses.silent(much_later, PATIENCE), None);
        // The machine's clock may be read by another core a little earlier.
        assert_eq!(pulses.silent(began, PATIENCE), None);
    }
}
