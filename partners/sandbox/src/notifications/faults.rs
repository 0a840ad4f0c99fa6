//! What goes wrong with notifications on their way.

use serde::{Deserialize, Serialize};

use crate::rng::Rng;

/// Which notifications are hit: a number of the next ones, and a share of all others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hits {
    /// That many of the next ones.
    pub next: u32,
    /// Of all further ones, in hundredths.
    pub percent: u8,
}

impl Hits {
    /// The next `count` ones.
    #[must_use]
    pub fn next(count: u32) -> Self {
        Self { next: count, percent: 0 }
    }

    /// A share of all, in hundredths.
    #[must_use]
    pub fn percent(percent: u8) -> Self {
        Self { next: 0, percent }
    }

    pub(super) fn hit(&mut self, rng: &mut Rng) -> bool {
        if self.next > 0 {
            self.next -= 1;
            return true;
        }
        self.percent > 0 && rng.chance(self.percent.into())
    }
}

/// What happens to the notifications of a partner; nothing by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotificationFaults {
    /// They are lost.
    pub drop: Hits,
    /// They are sent twice.
    pub double: Hits,
    /// Their signature, or what stands for one, is wrong: the path of the address at Withings, the
    /// secret at Google Health.
    pub bad_signature: Hits,
    /// They are sent later, by this number of real milliseconds.
    pub delay_ms: u64,
    /// This number of them is held back and then sent in another order; 0 releases what is held.
    pub reorder: usize,
    /// All are lost until this is switched off.
    pub silent: bool,
}
