//! Exponential backoff.

use std::time::Duration;

/// Waits that grow by a factor of two per failure, from a shortest to a longest.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    shortest: Duration,
    longest: Duration,
}

impl Backoff {
    /// For a connection whose sync failed.
    pub const CONNECTION: Self =
        Self { shortest: Duration::from_secs(30), longest: Duration::from_secs(3600) };
    /// For a partner actor that stopped.
    pub const ACTOR: Self =
        Self { shortest: Duration::from_secs(1), longest: Duration::from_secs(300) };
    /// For a partner that fails for everyone.
    pub const CIRCUIT: Self =
        Self { shortest: Duration::from_secs(30), longest: Duration::from_secs(600) };

    /// The longest wait, with what jitter adds.
    pub fn longest(self) -> Duration {
        self.longest.mul_f64(1.25)
    }

    /// The wait after the `failures`-th failure in a row (1 for the first). `random`, from 0 to 1,
    /// adds up to a quarter.
    pub fn wait(self, failures: u32, random: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(30);
        let wait = self.shortest.saturating_mul(1_u32 << doublings).min(self.longest);
        wait.mul_f64(1.0 + random.clamp(0.0, 1.0) / 4.0).min(self.longest.max(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_by_a_factor_of_two_up_to_the_longest() {
        let waits: Vec<u64> =
            (1..=12).map(|failures| Backoff::ACTOR.wait(failures, 0.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(Backoff::ACTOR.wait(u32::MAX, 1.0).as_secs(), 300);
    }

    #[test]
    fn jitter_adds_at_most_a_quarter() {
        assert_eq!(Backoff::ACTOR.wait(3, 1.0), Duration::from_secs(5));
        assert_eq!(Backoff::ACTOR.wait(0, 0.0), Duration::from_secs(1));
    }
}
