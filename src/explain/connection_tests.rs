use chrono::TimeDelta;
use partner_sdk::Partner;

use super::*;
use crate::model::{ConnectionId, FailureCode, LastError, UserId};
use crate::scheduler::Activity;

pub(crate) fn now() -> DateTime<Utc> {
    "2026-03-04T12:00:00Z".parse().unwrap()
}

pub(crate) fn working() -> Connection {
    Connection {
        id: ConnectionId(1),
        user_id: UserId::stored("ann"),
        partner: "withings".into(),
        status: Status::Connected,
        external_user_id: Some("17".into()),
        scopes: None,
        activity: Activity { group: 0, since: now() - TimeDelta::days(22) },
        failures: 0,
        last_poll_at: Some(now() - TimeDelta::minutes(2)),
        next_poll_at: Some(now() + TimeDelta::minutes(3)),
        last_push_at: None,
        next_push_at: None,
        last_error: None,
        connected_at: Some(now() - TimeDelta::days(30)),
        refreshed_at: None,
        refused_since: None,
        refresh_begun_at: None,
        notified_at: None,
        trust: None,
        subscribed_at: None,
        failing_since: None,
    }
}

pub(crate) fn incident(code: IncidentCode) -> Incident {
    Incident {
        id: 1,
        code,
        partner: Some("withings".into()),
        user_id: None,
        connection: None,
        record: None,
        endpoint: None,
        external_id: None,
        users: None,
        detail: None,
        times: 1,
        first_at: now() - TimeDelta::hours(1),
        last_at: now(),
        closed_at: None,
        closed_why: None,
    }
}

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn facts<'a>(
    connection: &'a Connection,
    properties: &'a Properties,
    incidents: &'a [Incident],
) -> ConnectionFacts<'a> {
    ConnectionFacts {
        now: now(),
        manifest: partner_withings::Withings.manifest(),
        connection,
        properties,
        intervals: (5 * MINUTE, 5 * MINUTE),
        incidents,
        paused_since: None,
        is_served: true,
        retry_at: None,
        waiting_for: None,
        notifications: Notifications::None,
    }
}

fn first(explanation: &Explanation) -> (&str, &str) {
    let cause = &explanation.causes[0];
    (cause.code, &cause.sentence)
}

#[test]
fn every_open_incident_that_concerns_a_connection_is_named_first() {
    let (connection, properties) = (working(), Properties::default());
    for code in IncidentCode::ALL {
        let incidents = [incident(*code)];
        let found = super::connection(&facts(&connection, &properties, &incidents));
        assert_eq!(first(&found).0, code.name());
        assert_eq!(found.causes[0].since, Some(now() - TimeDelta::hours(1)));
        assert!(found.causes[0].mend.is_some(), "{code:?}");
        assert!(found.summary.starts_with(first(&found).1), "{}", found.summary);
        let works = found.causes.iter().any(|it| it.code == "up_to_date");
        assert_eq!(works, BESIDE.contains(code), "{code:?}");
    }
}

#[test]
fn of_two_incidents_the_one_that_stops_more_comes_first() {
    use IncidentCode::*;
    let (connection, properties) = (working(), Properties::default());
    for (one, other) in [
        (PartnerDown, ItemStillWaiting),
        (PartnerDown, LimitExhausted),
        (LimitExhausted, QuotaTooSmall),
        (PayloadNotUnderstood, RecordRefused),
        (AuthorizationRevoked, PartnerDown),
        (ScopeMissing, AccountShared),
    ] {
        for incidents in [[incident(one), incident(other)], [incident(other), incident(one)]] {
            let found = super::connection(&facts(&connection, &properties, &incidents));
            let codes: Vec<_> = found.causes.iter().map(|cause| cause.code).collect();
            assert_eq!(codes[..2], [one.name(), other.name()]);
        }
    }
}

#[test]
fn a_limit_that_has_let_the_connection_through_is_no_cause_any_more() {
    let (connection, properties) = (working(), Properties::default());
    let last_at = now() - TimeDelta::minutes(5);
    let incidents = [Incident { last_at, ..incident(IncidentCode::LimitExhausted) }];
    let found = super::connection(&facts(&connection, &properties, &incidents));
    assert_eq!(first(&found).0, "up_to_date");
}

#[test]
fn every_incident_has_a_place_in_the_order() {
    for code in IncidentCode::ALL {
        assert!(ORDER.contains(code), "{code:?}");
    }
}

#[test]
fn a_connection_that_is_not_connected_says_so_and_plans_nothing() {
    for (status, code, words) in [
        (Status::Disconnected, "disconnected", "disconnected from Withings"),
        (Status::NeedsReconnect, "authorization_revoked", "does not accept this user's grant"),
        (Status::Ended, "connection_ended", "has ended its service"),
    ] {
        let connection = Connection { status, next_poll_at: None, ..working() };
        let properties = Properties::default();
        // That the partner is down as well is of no interest.
        let incidents = [incident(IncidentCode::PartnerDown)];
        let found = super::connection(&facts(&connection, &properties, &incidents));
        assert_eq!(first(&found).0, code);
        assert!(first(&found).1.contains(words), "{found:?}");
        assert_eq!((found.causes.len(), found.next.at), (1, None), "{found:?}");
        assert!(found.next.why.contains("connects again"), "{found:?}");
        assert!(found.causes[0].mend.as_ref().unwrap().contains("authorize"), "{found:?}");
    }
}

#[test]
fn what_the_actor_knows_is_said_even_before_there_is_an_incident() {
    let (connection, properties) = (working(), Properties::default());
    let waiting = WaitingFor {
        limit: "Withings: 120 calls in 1m".into(),
        until: now() + TimeDelta::hours(2),
    };
    let limited =
        ConnectionFacts { waiting_for: Some(&waiting), ..facts(&connection, &properties, &[]) };
    let found = super::connection(&limited);
    assert_eq!(first(&found).0, "limit_exhausted");
    assert!(first(&found).1.contains("120 calls in 1m"), "{found:?}");
    assert_eq!(found.next.at, Some(waiting.until));
    assert!(found.next.why.contains("120 calls in 1m"), "{found:?}");

    let retry_at = Some(now() + TimeDelta::minutes(9));
    let down = ConnectionFacts { retry_at, ..limited.clone() };
    let found = super::connection(&down);
    let codes: Vec<_> = found.causes.iter().map(|cause| cause.code).collect();
    assert_eq!(codes[..2], ["partner_down", "limit_exhausted"]);
    assert_eq!(found.next.at, retry_at);

    let paused =
        ConnectionFacts { paused_since: Some(now() - TimeDelta::hours(2)), ..down.clone() };
    let found = super::connection(&paused);
    assert_eq!((first(&found).0, found.next.at), ("paused", None), "{found:?}");
    assert!(found.summary.starts_with(
        "Syncs with Withings are paused by the administrator since 2026-03-04 10:00 UTC"
    ));
    let found = super::connection(&ConnectionFacts { is_served: false, ..down });
    assert_eq!(first(&found).0, "restarting");
}

#[test]
fn the_last_error_is_a_cause_until_a_sync_succeeds() {
    let error = LastError {
        code: FailureCode::Transient,
        message: "the partner is unavailable (HTTP 502)".into(),
        at: now() - TimeDelta::minutes(1),
        waiting_for: None,
    };
    let connection = Connection { last_error: Some(error), failures: 3, ..working() };
    let found = super::connection(&facts(&connection, &Properties::default(), &[]));
    assert_eq!(first(&found).0, "failing");
    assert!(
        first(&found)
            .1
            .starts_with("The last 3 syncs failed: the partner is unavailable (HTTP 502).")
    );
    assert_eq!(found.next.why, "the failed sync is tried again");
}

#[test]
fn nothing_wrong_says_when_it_was_looked_at_and_when_it_will_be() {
    let (connection, properties) = (working(), Properties::default());
    let found = super::connection(&facts(&connection, &properties, &[]));
    assert_eq!(first(&found).0, "up_to_date");
    assert!(first(&found).1.contains("last looked at 2026-03-04 11:58 UTC"), "{found:?}");
    assert_eq!(found.next.at, connection.next_poll_at);
    assert_eq!(found.next.why, "the next poll, every 5 minutes");
    assert!(found.summary.ends_with("Next: 2026-03-04 12:03 UTC, the next poll, every 5 minutes."));

    let new = Connection { last_poll_at: None, ..working() };
    let found = super::connection(&facts(&new, &properties, &[]));
    assert_eq!(first(&found).0, "first_sync");

    let due = Connection { next_poll_at: Some(now()), ..working() };
    let found = super::connection(&facts(&due, &properties, &[]));
    assert!(found.next.why.starts_with("it is due"), "{found:?}");
}

#[test]
fn kinds_that_are_off_by_choice_are_named_and_those_not_granted_are_not() {
    let connection = working();
    let mut properties = Properties::default();
    for kind in ["weight", "height"] {
        properties.values.insert(format!("poll.{kind}"), "false".into());
    }
    let found = super::connection(&facts(&connection, &properties, &[]));
    assert_eq!(first(&found).0, "switched_off");
    assert!(first(&found).1.contains("are not polled from Withings"), "{found:?}");
    assert!(found.causes[0].mend.as_ref().unwrap().contains("{\"poll\":{\""), "{found:?}");
    assert_eq!(found.causes[1].code, "up_to_date");

    properties.reasons.insert("poll.weight".into(), "not granted".into());
    let found = super::connection(&facts(&connection, &properties, &[]));
    assert_eq!(first(&found).0, "scope_missing");
    assert!(first(&found).1.contains("polling weight"), "{found:?}");
    assert!(found.causes[1].sentence.starts_with("Height is not polled"), "{found:?}");

    for kind in partner_withings::Withings.manifest().poll_kinds() {
        properties.values.insert(format!("poll.{kind}"), "false".into());
    }
    let found = super::connection(&facts(&connection, &properties, &[]));
    assert!(found.causes.iter().all(|cause| cause.code != "up_to_date"), "{found:?}");
}

#[test]
fn what_waits_to_be_pushed_is_said_with_its_time() {
    let waits = Connection { next_push_at: Some(now() + TimeDelta::minutes(4)), ..working() };
    let found = super::connection(&facts(&waits, &Properties::default(), &[]));
    assert_eq!(first(&found).0, "push_waits");
    assert!(
        first(&found).1.ends_with("the next push is due at 2026-03-04 12:04 UTC."),
        "{found:?}"
    );
}

#[test]
fn a_silent_connection_says_that_it_is_polled_less_often_and_since_when() {
    let (connection, properties) = (working(), Properties::default());
    let rare = ConnectionFacts {
        intervals: (60 * MINUTE, 5 * MINUTE),
        ..facts(&connection, &properties, &[])
    };
    let found = super::connection(&rare);
    let cause = found.causes.iter().find(|cause| cause.code == "polled_rarely").unwrap();
    assert!(cause.sentence.contains("polled only every hour"), "{cause:?}");
    assert_eq!(cause.since, Some(connection.activity.since));
    let notified = ConnectionFacts { notifications: Notifications::WorkingSince(now()), ..rare };
    let found = super::connection(&notified);
    assert!(found.causes.iter().all(|cause| cause.code != "polled_rarely"), "{found:?}");
}

#[test]
fn the_state_of_notifications_is_said() {
    let (connection, properties) = (working(), Properties::default());
    for (notifications, code) in [
        (Notifications::None, None),
        (Notifications::WorkingSince(now()), Some("notified")),
        (Notifications::SilentSince(now()), Some("notifications_silent")),
        (Notifications::NotSubscribed("the address is not public".into()), Some("not_notified")),
    ] {
        let with = ConnectionFacts { notifications, ..facts(&connection, &properties, &[]) };
        let found = super::connection(&with);
        let codes = ["notified", "notifications_silent", "not_notified"];
        let said = found.causes.iter().map(|cause| cause.code).find(|it| codes.contains(it));
        assert_eq!(said, code, "{found:?}");
    }
}

#[test]
fn what_a_partner_reports_late_is_a_fact_of_its_lists() {
    let (connection, properties) = (working(), Properties::default());
    let of = |manifest: &'static Manifest| {
        let with = ConnectionFacts { manifest, ..facts(&connection, &properties, &[]) };
        let found = super::connection(&with);
        found.causes.into_iter().find(|cause| cause.code == "found_late")
    };
    for manifest in [
        partner_withings::Withings.manifest(),
        partner_fitbit::Fitbit.manifest(),
        partner_strava::Strava.manifest(),
    ] {
        let is_late = manifest.feeds.iter().any(|feed| !feed.wide.is_zero());
        let said = of(manifest);
        assert_eq!(said.is_some(), is_late, "{}", manifest.name);
        if let Some(cause) = said {
            assert!(cause.sentence.contains(manifest.title) && cause.mend.is_some(), "{cause:?}");
        }
    }
}
