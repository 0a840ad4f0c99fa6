//! Percentiles of durations in little room.

/// Below this each millisecond is counted for itself; above, a power of two in eight parts.
const EXACT: u64 = 16;
const PLACES: usize = 16 + 8 * 34;

/// How often durations were seen, about 6 % exact, up to years.
#[derive(Clone, Debug, Default)]
pub(super) struct Histogram {
    /// Empty until something is seen.
    counts: Vec<u32>,
    seen: u64,
    worst: u64,
}

impl Histogram {
    pub(super) fn add(&mut self, millis: u64) {
        if self.counts.is_empty() {
            self.counts = vec![0; PLACES];
        }
        if let Some(count) = self.counts.get_mut(place(millis)) {
            *count = count.saturating_add(1);
        }
        self.seen += 1;
        self.worst = self.worst.max(millis);
    }

    /// The value that this many hundredths do not exceed.
    pub(super) fn percentile(&self, percent: u64) -> Option<u64> {
        let wanted = (self.seen * percent).div_ceil(100).max(1);
        let mut sum = 0;
        let found = self.counts.iter().position(|count| {
            sum += u64::from(*count);
            sum >= wanted
        });
        Some(middle(found?).min(self.worst))
    }

    /// The greatest value.
    pub(super) fn worst(&self) -> Option<u64> {
        (self.seen > 0).then_some(self.worst)
    }
}

fn place(millis: u64) -> usize {
    let place = if millis < EXACT {
        millis
    } else {
        let power = u64::from(millis.ilog2());
        EXACT + (power - 4) * 8 + ((millis >> (power - 3)) & 7)
    };
    usize::try_from(place).unwrap_or(usize::MAX).min(PLACES - 1)
}

/// The middle of what is counted at a place.
fn middle(place: usize) -> u64 {
    let place = place as u64;
    if place < EXACT {
        return place;
    }
    let (power, part) = ((place - EXACT) / 8 + 4, (place - EXACT) % 8);
    let width = 1_u64 << (power - 3);
    (8 + part) * width + width / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_near_those_of_the_values() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.percentile(50), histogram.worst()), (None, None));
        for value in 0..10_000 {
            histogram.add(value);
        }
        for (percent, exact) in [(1, 99_u64), (50, 4_999), (95, 9_499), (100, 9_999)] {
            let found = histogram.percentile(percent).unwrap();
            assert!(found.abs_diff(exact) * 100 <= exact * 7, "{percent}: {found}");
        }
        assert_eq!(histogram.worst(), Some(9_999));
    }

    #[test]
    fn short_and_absurd_values_have_a_place() {
        for value in [0, 1, 15, 16, 17, 1 << 20, 3_000_000_000, u64::MAX] {
            let mut histogram = Histogram::default();
            histogram.add(value);
            let found = histogram.percentile(50).unwrap();
            let close = u128::from(found.abs_diff(value)) * 100 <= u128::from(value) * 7;
            assert!(close || value == u64::MAX, "{value}: {found}");
            assert_eq!(histogram.worst(), Some(value));
        }
    }
}
