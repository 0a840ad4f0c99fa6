//! What the end of a sync shows about its connection.

use super::IncidentCode;
use crate::model::{FailureCode, Status, SyncOutcome};
use crate::scheduler::Trust;
use crate::sync::{Failure, Report};

/// A scenario that a sync met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Which.
    pub code: IncidentCode,
    /// How often.
    pub times: u32,
    /// The partner's id of the first record that it concerns.
    pub external_id: Option<String>,
    /// What exactly.
    pub detail: Option<String>,
}

/// What the end of a sync shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The scenarios it met.
    pub seen: Vec<Sighting>,
    /// Whether everything was read and understood.
    pub is_read: bool,
    /// Whether pushes ran and nothing but the changes themselves can have kept any from being sent.
    pub is_pushed: bool,
    /// Whether notifications that should come do not.
    pub is_unheard: bool,
    /// Whether notifications are used at all.
    pub is_notified: bool,
}

impl Observed {
    /// Adds what is known about the connection's notifications before and after.
    #[must_use]
    pub fn of_notifications(mut self, before: Option<&Trust>, after: Option<&Trust>) -> Self {
        let is_unheard =
            |trust: Option<&Trust>| trust.is_some_and(|trust| trust.unheard_since().is_some());
        self.is_unheard = is_unheard(after);
        self.is_notified = after.is_some();
        // Written when it begins, and not with each poll.
        if self.is_unheard && !is_unheard(before) {
            self.seen.push(Sighting {
                code: IncidentCode::NotificationsSilent,
                times: 1,
                external_id: None,
                detail: after.and_then(|trust| trust.reason.clone()),
            });
        }
        self
    }
}

/// Reads from a report what it shows about the connection, which has this status now.
pub fn observe(report: &Report, status: Status) -> Observed {
    let mut seen = Vec::new();
    let mut see = |code, times, external_id: Option<String>, detail: Option<String>| {
        if times > 0 {
            seen.push(Sighting { code, times, external_id, detail });
        }
    };
    let revoked = u32::from(status == Status::NeedsReconnect);
    see(IncidentCode::AuthorizationRevoked, revoked, None, None);
    let (times, where_) = places(report, |failure| failure.code == FailureCode::MissingScope);
    see(IncidentCode::ScopeMissing, times, None, Some(where_));
    let (times, where_) = places(report, is_not_understood);
    see(IncidentCode::PayloadNotUnderstood, times, None, Some(where_));
    let [.., refused] = report.totals();
    let refusing = report.feeds.iter().filter(|feed| feed.refused > 0);
    let feeds = refusing.clone().map(|feed| feed.feed).collect::<Vec<_>>().join(", ");
    let first = refusing.flat_map(|feed| &feed.refusals).find_map(|it| it.source_id.clone());
    see(IncidentCode::RecordRefused, refused, first, Some(feeds));
    let refused = report.push.as_ref().map_or(0, |push| push.refused);
    see(IncidentCode::PushRefused, refused, None, None);
    let is_read =
        report.polled && matches!(report.outcome(), SyncOutcome::Ok | SyncOutcome::NotGranted);
    let was_stopped = |failure: &Failure| {
        !matches!(failure.outcome, SyncOutcome::Failed | SyncOutcome::NotGranted)
            || failure.code == FailureCode::Store
    };
    let is_pushed = report.push.is_some() && !report.failures().any(was_stopped);
    Observed { seen, is_read, is_pushed, ..Observed::default() }
}

/// A panic of a partner's code counts, too: what it panicked about is what it could not read.
fn is_not_understood(failure: &Failure) -> bool {
    matches!(failure.code, FailureCode::Malformed | FailureCode::Panic)
}

/// In how many parts of a sync there was such a failure, and in which.
fn places(report: &Report, is_it: impl Fn(&Failure) -> bool) -> (u32, String) {
    let hit = |error: &Option<Failure>| error.as_ref().is_some_and(&is_it);
    let feeds = report.feeds.iter().filter(|feed| hit(&feed.error)).map(|feed| feed.feed);
    let push = report.push.iter().filter(|push| hit(&push.error)).map(|_| "a push");
    let whole = hit(&report.error).then_some("the sync");
    let all: Vec<&str> = feeds.chain(push).chain(whole).collect();
    (u32::try_from(all.len()).unwrap_or(u32::MAX), all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{FeedReport, PushReport};

    fn failure(code: FailureCode, outcome: SyncOutcome) -> Option<Failure> {
        let message = "it did not work".into();
        Some(Failure { code, message, outcome, wait: None, waiting_for: None })
    }

    fn report(feed: Option<Failure>, push: Option<Option<Failure>>, refused: (u32, u32)) -> Report {
        let mut of_feed = FeedReport::default();
        (of_feed.feed, of_feed.refused, of_feed.error) = ("weight", refused.0, feed);
        let push = push.map(|error| {
            let mut of_push = PushReport::default();
            (of_push.error, of_push.refused) = (error, refused.1);
            of_push
        });
        let feed = of_feed;
        Report { feeds: vec![feed], push, polled: true, ..Report::default() }
    }

    #[test]
    fn each_scenario_of_a_connection_is_seen_in_the_end_of_its_sync() {
        use FailureCode::{
            Interrupted, Malformed, MissingScope, RateLimited, Transient, Unauthorized,
        };
        let failed = |code| failure(code, SyncOutcome::Failed);
        let limited = || failure(RateLimited, SyncOutcome::Limited);
        let dead = failure(Unauthorized, SyncOutcome::NeedsReconnect);
        let not_granted = failure(MissingScope, SyncOutcome::NotGranted);
        let interrupted = failure(Interrupted, SyncOutcome::Interrupted);
        for (what, report, status, seen, is_read, is_pushed) in [
            ("nothing", report(None, None, (0, 0)), Status::Connected, vec![], true, false),
            ("a push", report(None, Some(None), (0, 0)), Status::Connected, vec![], true, true),
            (
                "an outage",
                report(failed(Transient), None, (0, 0)),
                Status::Connected,
                vec![],
                false,
                false,
            ),
            (
                "a limit",
                report(limited(), Some(None), (0, 0)),
                Status::Connected,
                vec![],
                false,
                false,
            ),
            (
                "a stop",
                report(None, Some(interrupted), (0, 0)),
                Status::Connected,
                vec![],
                false,
                false,
            ),
            (
                "dead",
                report(dead, None, (0, 0)),
                Status::NeedsReconnect,
                vec![("authorization_revoked", 1)],
                false,
                false,
            ),
            (
                "scope",
                report(not_granted, None, (0, 0)),
                Status::Connected,
                vec![("scope_missing", 1)],
                true,
                false,
            ),
            (
                "garbage",
                report(failed(Malformed), None, (0, 0)),
                Status::Connected,
                vec![("payload_not_understood", 1)],
                false,
                false,
            ),
            (
                "garbage twice",
                report(failed(Malformed), Some(failed(Malformed)), (0, 0)),
                Status::Connected,
                vec![("payload_not_understood", 2)],
                false,
                true,
            ),
            (
                "failing push",
                report(None, Some(failed(Transient)), (0, 0)),
                Status::Connected,
                vec![],
                false,
                true,
            ),
            (
                "refused",
                report(None, Some(None), (3, 2)),
                Status::Connected,
                vec![("record_refused", 3), ("push_refused", 2)],
                true,
                true,
            ),
        ] {
            let observed = observe(&report, status);
            let codes: Vec<_> = observed.seen.iter().map(|it| (it.code.name(), it.times)).collect();
            assert_eq!(codes, seen, "{what}");
            assert_eq!((observed.is_read, observed.is_pushed), (is_read, is_pushed), "{what}");
        }
    }

    #[test]
    fn a_sighting_says_where_and_names_the_first_record_but_no_value() {
        let mut report = report(None, None, (1, 0));
        report.feeds[0].refusals.push(crate::sync::RefusedRecord {
            source_id: Some("17:weight".into()),
            reason: "the value 9000 is out of any human range".into(),
        });
        let observed = observe(&report, Status::Connected);
        let expected = Sighting {
            code: IncidentCode::RecordRefused,
            times: 1,
            external_id: Some("17:weight".into()),
            detail: Some("weight".into()),
        };
        assert_eq!(observed.seen, [expected]);
    }
}
