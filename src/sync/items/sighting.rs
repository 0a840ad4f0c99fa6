//! What follows when a poll shows an item, or no longer does.

use chrono::{DateTime, Utc};
use partner_sdk::RecordData;

use super::{ItemState, is_echo};

/// What is known of an item before a poll is applied.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Its state.
    pub state: ItemState,
    /// The fingerprint of what the partner showed last; empty if it has shown nothing yet.
    pub seen: &'a [u8],
    /// What the partner shows, or was sent, of a record that was pushed to it.
    pub shown: Option<&'a RecordData>,
    /// Whether a poll has shown what was pushed.
    pub echoed: bool,
    /// When the record changed here since both sides agreed, if it did.
    pub changed_at: Option<DateTime<Utc>>,
}

/// What follows from what a poll shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// The partner shows the same as before.
    Unchanged,
    /// It shows what was pushed; later polls are compared with what it shows now.
    Echo,
    /// It shows the record's own content: both agree.
    Agreed,
    /// It was changed there: the record follows. If `conflict`, a waiting change of ours is lost.
    Follows {
        /// Whether a change made here is lost.
        conflict: bool,
    },
    /// It was changed there, but later here: our change will be pushed over it.
    Overruled,
}

/// Judges what a poll shows (`seen` with its `fingerprint`) of an item whose record is `record`.
/// `changed_there` is when it changed at the partner or, if the partner does not report that, the
/// earliest possible time: of two changes the later wins.
pub fn sighting(
    known: Known<'_>,
    record: &RecordData,
    seen: &RecordData,
    fingerprint: &[u8],
    changed_there: DateTime<Utc>,
    day_only: bool,
) -> Sighting {
    // Also for what was pushed and not shown yet: a list may lag.
    if known.seen == fingerprint {
        return Sighting::Unchanged;
    }
    if let (Some(shown), false) = (known.shown, known.echoed)
        && is_echo(shown, seen, day_only)
    {
        return Sighting::Echo;
    }
    let compares =
        matches!(known.state, ItemState::InStep | ItemState::Update | ItemState::Refused);
    if compares && super::fingerprint(record) == fingerprint {
        return Sighting::Agreed;
    }
    if known.changed_at.is_some_and(|changed_here| changed_here >= changed_there) {
        return Sighting::Overruled;
    }
    let refused = known.state == ItemState::Refused;
    Sighting::Follows { conflict: refused || known.changed_at.is_some() }
}

/// What follows when the partner no longer has an item: the item's next state, and whether the
/// record is deleted, too. `is_alive`: the record is not deleted here. `changed_there` as in
/// [`sighting`].
pub fn loss(
    state: ItemState,
    is_alive: bool,
    changed_at: Option<DateTime<Utc>>,
    changed_there: DateTime<Utc>,
) -> (ItemState, bool) {
    let overruled = changed_at.is_some_and(|changed_here| changed_here >= changed_there);
    match state {
        // Lists may err: the partner is asked for it before it is created again.
        ItemState::Update if overruled => (ItemState::Creating, false),
        // It may be our own deletion: part of a replacement, or made before the record was
        // restored.
        ItemState::Updating | ItemState::Deleting if is_alive => (ItemState::Creating, false),
        ItemState::Updating | ItemState::Delete | ItemState::Deleting | ItemState::Gone => {
            (ItemState::Gone, false)
        }
        ItemState::Create | ItemState::Creating => (state, false),
        _ => (ItemState::Gone, true),
    }
}

#[cfg(test)]
mod tests {
    use partner_sdk::{Body, Measurement, MeasurementType, Moment};

    use super::*;
    use crate::sync::items::fingerprint;

    fn weight(value: &str) -> RecordData {
        let start = Moment::exact("2026-03-04T06:15:00Z".parse().unwrap());
        let (r#type, value) = (MeasurementType::Weight, value.parse().unwrap());
        RecordData { start, end: None, body: Body::Measurement(Measurement { r#type, value }) }
    }

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::TimeDelta::minutes(minute)
    }

    /// What follows if the partner showed 70, the record has been `record` in `state` since minute
    /// 5, and the partner shows `seen`, changed in minute `there`.
    fn judge(state: ItemState, record: &str, seen: &str, there: i64) -> Sighting {
        let before = fingerprint(&weight("70"));
        let known = Known {
            state,
            seen: &before,
            shown: None,
            echoed: false,
            changed_at: state.waits().then(|| at(5)),
        };
        let seen = weight(seen);
        sighting(known, &weight(record), &seen, &fingerprint(&seen), at(there), false)
    }

    #[test]
    fn the_later_change_wins() {
        use ItemState::{Delete, Gone, InStep, Refused, Update};
        for (state, record, seen, there, expected) in [
            (InStep, "70", "70", 9, Sighting::Unchanged),
            (Update, "71", "70", 9, Sighting::Unchanged),
            (Gone, "70", "70", 9, Sighting::Unchanged),
            (InStep, "70", "72", 9, Sighting::Follows { conflict: false }),
            (InStep, "72", "72", 9, Sighting::Agreed),
            (Update, "71", "72", 9, Sighting::Follows { conflict: true }),
            (Update, "71", "72", 3, Sighting::Overruled),
            (Update, "71", "71", 3, Sighting::Agreed),
            (Delete, "70", "72", 9, Sighting::Follows { conflict: true }),
            (Delete, "70", "72", 3, Sighting::Overruled),
            (Refused, "71", "72", 3, Sighting::Follows { conflict: true }),
            (Gone, "70", "72", 9, Sighting::Follows { conflict: false }),
        ] {
            assert_eq!(
                judge(state, record, seen, there),
                expected,
                "{state:?} {record} {seen} {there}"
            );
        }
    }

    #[test]
    fn a_push_is_recognised_once_and_then_compared_exactly() {
        let (pushed, rounded, edited) = (weight("70.04"), weight("70"), weight("70.5"));
        let mut known = Known {
            state: ItemState::InStep,
            seen: &[],
            shown: Some(&pushed),
            echoed: false,
            changed_at: None,
        };
        let judge = |known, seen: &RecordData| {
            sighting(known, &pushed, seen, &fingerprint(seen), at(9), false)
        };
        assert_eq!(judge(known, &rounded), Sighting::Echo);
        assert_eq!(judge(known, &edited), Sighting::Follows { conflict: false });
        let digest = fingerprint(&rounded);
        known = Known { seen: &digest, shown: Some(&rounded), echoed: true, ..known };
        assert_eq!(judge(known, &rounded), Sighting::Unchanged);
        assert_eq!(judge(known, &weight("70.1")), Sighting::Follows { conflict: false });
    }

    #[test]
    fn a_deletion_there_is_a_deletion_here_unless_the_record_changed_later() {
        use ItemState::{Creating, Delete, Deleting, Gone, InStep, Refused, Update, Updating};
        for (state, is_alive, changed, expected) in [
            (InStep, true, None, (Gone, true)),
            (Refused, true, None, (Gone, true)),
            (Update, true, Some(at(9)), (Creating, false)),
            (Update, true, Some(at(1)), (Gone, true)),
            (Updating, true, Some(at(1)), (Creating, false)),
            (Updating, false, Some(at(9)), (Gone, false)),
            (Delete, false, Some(at(1)), (Gone, false)),
            (Deleting, false, Some(at(1)), (Gone, false)),
            (Deleting, true, Some(at(1)), (Creating, false)),
            (Gone, false, None, (Gone, false)),
        ] {
            let found = loss(state, is_alive, changed, at(5));
            assert_eq!(found, expected, "{state:?} {is_alive}");
        }
    }
}
