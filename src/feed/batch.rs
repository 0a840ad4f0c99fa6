//! Changes that are sent together, encoded once for all who get them.

use bytes::{Bytes, BytesMut};

use crate::model::UserId;

/// A change as it is sent.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its number in the feed.
    pub seq: i64,
    /// Whom it concerns.
    pub user: UserId,
    /// What is sent.
    pub text: Bytes,
}

/// Changes in the order of their numbers, as one text.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The number of each change, and where it ends in the text.
    ends: Vec<(i64, usize)>,
    text: Bytes,
}

impl Batch {
    /// These changes as one text; `None` if there are none.
    pub fn of(events: &[&Event]) -> Option<Self> {
        let mut ends = Vec::with_capacity(events.len());
        if let [event] = events {
            ends.push((event.seq, event.text.len()));
            return Some(Self { ends, text: event.text.clone() });
        }
        let mut text = BytesMut::with_capacity(events.iter().map(|event| event.text.len()).sum());
        for event in events {
            text.extend_from_slice(&event.text);
            ends.push((event.seq, text.len()));
        }
        (!ends.is_empty()).then(|| Self { ends, text: text.freeze() })
    }

    /// The number of its last change.
    pub fn last(&self) -> i64 {
        self.ends.last().map_or(0, |(seq, _)| *seq)
    }

    /// Its length in bytes.
    pub fn size(&self) -> usize {
        self.text.len()
    }

    /// What comes after that number; `None` if nothing does.
    pub fn after(&self, seq: i64) -> Option<Bytes> {
        let begins = match self.ends.partition_point(|(other, _)| *other <= seq).checked_sub(1) {
            None => 0,
            Some(last) => self.ends.get(last).map_or(0, |(_, end)| *end),
        };
        (begins < self.text.len()).then(|| self.text.slice(begins..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_goes_on_after_any_number() {
        let event = |seq: i64, text: &'static str| Event {
            seq,
            user: UserId::stored("ann"),
            text: Bytes::from_static(text.as_bytes()),
        };
        let events = [event(3, "three "), event(5, "five "), event(6, "six")];
        let all: Vec<&Event> = events.iter().collect();
        let batch = Batch::of(&all).unwrap();
        assert_eq!((batch.last(), batch.size()), (6, 14));
        for (seq, rest) in [
            (0, Some("three five six")),
            (2, Some("three five six")),
            (3, Some("five six")),
            (4, Some("five six")),
            (5, Some("six")),
            (6, None),
            (9, None),
        ] {
            assert_eq!(batch.after(seq).as_deref(), rest.map(str::as_bytes), "{seq}");
        }
        let alone = Batch::of(&all[1..2]).unwrap();
        assert_eq!(alone.after(4).as_deref(), Some(b"five ".as_slice()));
        assert_eq!(alone.after(5), None);
        assert!(Batch::of(&[]).is_none());
    }
}
