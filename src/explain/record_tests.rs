use chrono::TimeDelta;
use partner_sdk::{MeasurementType, Partner};

use super::*;
use crate::explain::connection::tests::{facts as connection_facts, incident, now, working};
use crate::incidents::Incident;
use crate::model::{Connection, Properties};

const WEIGHT: Kind = Kind::Measurement(MeasurementType::Weight);

/// Pushing weights to RunKeeper.
fn pushes() -> Properties {
    let mut properties = Properties::default();
    properties.values.insert("push.weight".into(), "true".into());
    properties
}

fn counterpart(state: LinkState) -> Counterpart {
    Counterpart {
        state,
        attempts: 0,
        reason: None,
        pushed_at: None,
        due_at: None,
        waiting_for: None,
    }
}

fn explained(
    origin: Origin,
    connection: &Connection,
    properties: &Properties,
    incidents: &[Incident],
    counterpart: Option<Counterpart>,
) -> Explanation {
    let facts = ConnectionFacts {
        manifest: partner_runkeeper::RunKeeper.manifest(),
        ..connection_facts(connection, properties, incidents)
    };
    record(&RecordFacts {
        origin,
        kind: Some(WEIGHT),
        updated_at: now() - TimeDelta::hours(3),
        deleted: false,
        elsewhere: vec![Elsewhere { facts, counterpart }],
    })
}

#[test]
fn each_state_at_a_partner_is_named_first_or_after_where_the_record_came_from() {
    use LinkState::*;
    let due =
        |state| Counterpart { due_at: Some(now() + TimeDelta::minutes(7)), ..counterpart(state) };
    let pushed = Counterpart { pushed_at: Some(now()), ..counterpart(InStep) };
    let refused = Counterpart { reason: Some("too heavy".into()), ..counterpart(Refused) };
    let stuck = Counterpart { attempts: 3, reason: Some("HTTP 500".into()), ..due(Create) };
    let lost = Counterpart { attempts: 4, ..counterpart(Creating) };
    let tried = Counterpart { attempts: 1, reason: Some("HTTP 500".into()), ..due(Create) };
    let on = pushes();
    let off = Properties::default();
    let from_there = || Origin::Partner("runkeeper".into());
    for (what, origin, properties, counterpart, code, words) in [
        ("pushed", Origin::App, &on, Some(pushed), "pushed", "RunKeeper has it as it is"),
        (
            "waits",
            Origin::App,
            &on,
            Some(due(Create)),
            "push_waits",
            "It waits to be pushed to RunKeeper until 2026-03-04 12:07 UTC",
        ),
        ("changes", Origin::App, &on, Some(due(Update)), "push_waits", "Its change waits"),
        ("is deleted", Origin::App, &on, Some(due(Delete)), "push_waits", "Its deletion waits"),
        ("was tried", Origin::App, &on, Some(tried), "push_waits", "The last try: HTTP 500."),
        (
            "is stuck",
            Origin::App,
            &on,
            Some(stuck),
            "item_still_waiting",
            "after 3 failed tries. The last try: HTTP 500.",
        ),
        (
            "often in doubt",
            Origin::App,
            &on,
            Some(lost),
            "item_still_waiting",
            "after 4 failed tries",
        ),
        (
            "in doubt",
            Origin::App,
            &on,
            Some(counterpart(Creating)),
            "in_doubt",
            "RunKeeper is asked before anything is sent again",
        ),
        (
            "refused",
            Origin::App,
            &on,
            Some(refused),
            "push_refused",
            "RunKeeper refuses it: too heavy.",
        ),
        (
            "gone",
            Origin::App,
            &on,
            Some(counterpart(Gone)),
            "gone_there",
            "does not have it any more",
        ),
        (
            "not written",
            Origin::App,
            &on,
            Some(counterpart(NotWritten)),
            "not_written",
            "pushing weight was off there",
        ),
        (
            "off",
            Origin::App,
            &off,
            None,
            "push_switched_off",
            "pushing weight is switched off there",
        ),
        (
            "off while it waits",
            Origin::App,
            &off,
            Some(due(Create)),
            "push_switched_off",
            "switched off",
        ),
        ("on since", Origin::App, &on, None, "not_written", "pushing weight was off"),
        (
            "came from there",
            from_there(),
            &on,
            Some(counterpart(InStep)),
            "came_from_there",
            "It is not pushed back",
        ),
        (
            "found there",
            Origin::App,
            &on,
            Some(counterpart(InStep)),
            "came_from_there",
            "the same was found there",
        ),
    ] {
        let found = explained(origin, &working(), properties, &[], counterpart);
        let cause = found.causes.iter().find(|cause| cause.code != "origin").unwrap();
        assert_eq!(cause.code, code, "{what}: {found:?}");
        assert!(cause.sentence.contains(words), "{what}: {found:?}");
        let is_informative = ["pushed", "came_from_there"].contains(&code);
        assert_eq!(found.causes[0].code == "origin", is_informative, "{what}: {found:?}");
    }
}

#[test]
fn a_push_that_waits_names_what_keeps_the_connection_and_when_it_goes_on() {
    let waits = || Some(counterpart(LinkState::Create));
    let disconnected = Connection { status: Status::Disconnected, ..working() };
    let found = explained(Origin::App, &disconnected, &pushes(), &[], waits());
    assert_eq!((found.causes[0].code, found.next.at), ("disconnected", None));
    assert!(found.next.why.contains("when the user connects again"), "{found:?}");

    let down = [incident(IncidentCode::PartnerDown)];
    let found = explained(Origin::App, &working(), &pushes(), &down, waits());
    assert_eq!(found.causes[0].code, "partner_down");
    assert!(
        found.causes[0].sentence.starts_with("It waits to be pushed to RunKeeper. "),
        "{found:?}"
    );

    let until = now() + TimeDelta::hours(1);
    let waiting_for = Some(WaitingFor { limit: "RunKeeper: 40 calls in 1h".into(), until });
    let limited = Counterpart { waiting_for, ..counterpart(LinkState::Create) };
    let found = explained(Origin::App, &working(), &pushes(), &[], Some(limited));
    assert_eq!(found.next.at, Some(until));
    assert!(found.next.why.contains("40 calls in 1h"), "{found:?}");
}

#[test]
fn a_kind_that_was_not_granted_says_so() {
    let mut properties = Properties::default();
    properties.values.insert("push.weight".into(), "false".into());
    properties
        .reasons
        .insert("push.weight".into(), "the user has not granted access to weight".into());
    let found = explained(Origin::App, &working(), &properties, &[], None);
    assert_eq!(found.causes[0].code, "scope_missing");
    assert!(found.causes[0].sentence.contains("has not granted access"), "{found:?}");
}

#[test]
fn where_it_came_from_and_when_is_always_said_and_nothing_is_planned_without_a_push() {
    let found = record(&RecordFacts {
        origin: Origin::App,
        kind: Some(WEIGHT),
        updated_at: now(),
        deleted: true,
        elsewhere: Vec::new(),
    });
    let codes: Vec<_> = found.causes.iter().map(|cause| cause.code).collect();
    assert_eq!(codes, ["deleted", "origin"]);
    assert!(found.causes[1].sentence.contains("2026-03-04 12:00 UTC"), "{found:?}");
    assert_eq!(found.next.at, None);

    // Withings takes no records of others.
    let (connection, properties) = (working(), pushes());
    let facts = connection_facts(&connection, &properties, &[]);
    let found = record(&RecordFacts {
        origin: Origin::App,
        kind: Some(WEIGHT),
        updated_at: now(),
        deleted: false,
        elsewhere: vec![Elsewhere { facts, counterpart: None }],
    });
    assert!(found.causes.iter().any(|cause| cause.code == "not_taken"), "{found:?}");
}

#[test]
fn of_two_partners_what_needs_somebody_comes_first_and_the_soonest_push_is_next() {
    let (connection, properties) = (working(), pushes());
    let facts =
        |manifest| ConnectionFacts { manifest, ..connection_facts(&connection, &properties, &[]) };
    let due = |minutes| Counterpart {
        due_at: Some(now() + TimeDelta::minutes(minutes)),
        ..counterpart(LinkState::Create)
    };
    let runkeeper = partner_runkeeper::RunKeeper.manifest();
    let google = partner_google_health::GoogleHealth.manifest();
    let explain = |one, other| {
        record(&RecordFacts {
            origin: Origin::Partner("withings".into()),
            kind: Some(WEIGHT),
            updated_at: now(),
            deleted: false,
            elsewhere: vec![
                Elsewhere { facts: facts(runkeeper), counterpart: Some(one) },
                Elsewhere { facts: facts(google), counterpart: Some(other) },
            ],
        })
    };
    let found = explain(due(9), due(4));
    assert_eq!(found.next.at, Some(now() + TimeDelta::minutes(4)), "{found:?}");
    let found = explain(due(9), counterpart(LinkState::Refused));
    assert_eq!(found.causes[0].code, "push_refused");
    assert_eq!(found.next.at, Some(now() + TimeDelta::minutes(9)));
}
