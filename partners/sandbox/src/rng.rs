//! A small deterministic generator: the seed alone determines every made-up value.

/// SplitMix64: eight bytes of state, and any seed is a good one.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A separate generator for a name, independent of what was drawn before.
    pub(crate) fn named(seed: u64, parts: &[&str]) -> Self {
        // FNV-1a, as the standard library's hasher may change between releases.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed;
        for part in parts {
            for byte in part.bytes().chain([0]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
        let mut rng = Self(hash);
        rng.next();
        rng
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` up to but excluding `high`; `low` when the range is empty.
    pub(crate) fn range(&mut self, low: i64, high: i64) -> i64 {
        let width = high.saturating_sub(low);
        if width <= 0 {
            return low;
        }
        low + (self.next() % width.unsigned_abs()) as i64
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    /// An index into a collection of that length, 0 when it is empty.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        (self.next() % length.max(1) as u64) as usize
    }

    pub(crate) fn pick<T: Copy>(&mut self, first: T, others: &[T]) -> T {
        match self.index(others.len() + 1) {
            0 => first,
            place => others.get(place - 1).copied().unwrap_or(first),
        }
    }

    pub(crate) fn hex(&mut self, digits: usize) -> String {
        let mut text = String::with_capacity(digits + 16);
        while text.len() < digits {
            text.push_str(&format!("{:016x}", self.next()));
        }
        text.truncate(digits);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn the_seed_decides_and_names_part_the_streams() {
        assert_eq!(Rng::new(7).hex(40), Rng::new(7).hex(40));
        assert_ne!(Rng::new(7).hex(40), Rng::new(8).hex(40));
        assert_ne!(Rng::named(7, &["a", "b"]).next(), Rng::named(7, &["ab"]).next());
    }

    #[test]
    fn ranges_are_half_open_and_safe_when_empty() {
        let mut rng = Rng::new(1);
        assert!((0..1000).all(|_| (3..6).contains(&rng.range(3, 6))));
        assert_eq!(rng.range(5, 5), 5);
    }
}
