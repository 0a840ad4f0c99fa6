use chrono::TimeDelta;

use super::*;
use crate::model::UserId;
use crate::store::PlannedMessage;

fn now() -> DateTime<Utc> {
    "2026-12-01T12:00:00Z".parse().unwrap()
}

fn message(user: Option<&str>) -> WebhookMessage {
    WebhookMessage {
        planned: PlannedMessage {
            id: "msg_1".into(),
            user: user.map(UserId::stored),
            first: 1,
            last: 1,
            without: Vec::new(),
        },
        attempts: 0,
        step: 0,
        failing_since: None,
        next_at: now(),
    }
}

fn judged(before: &EndpointHealth, tried: &[(&WebhookMessage, Answer)]) -> Judged {
    judge(before, tried, &[], now(), 0.0)
}

const BAD: Answer = Answer::Status(400, None);
const GOOD: Answer = Answer::Status(204, None);

#[test]
fn a_message_that_fails_alone_blocks_its_user_and_nobody_else() {
    let (ann, ben) = (message(Some("ann")), message(Some("ben")));
    let judged = judged(&EndpointHealth::default(), &[(&ann, BAD), (&ben, GOOD)]);
    let next_at = now() + TimeDelta::seconds(5);
    let again = Verdict::Again { step: 1, failing_since: now(), next_at };
    assert_eq!(judged.verdicts, [again, Verdict::Delivered]);
    assert_eq!((judged.health.next_at, judged.health.failures), (None, 0));
}

#[test]
fn three_users_who_fail_while_nothing_succeeds_are_the_endpoint_s_failure() {
    let health = EndpointHealth::default();
    let users = ["ann", "ben", "cid"].map(|user| message(Some(user)));
    let failed: Vec<WebhookMessage> = users[..2]
        .iter()
        .map(|message| WebhookMessage { failing_since: Some(now()), ..message.clone() })
        .collect();
    let failed: Vec<&WebhookMessage> = failed.iter().collect();
    let after = |before: &EndpointHealth, failed: &[&WebhookMessage]| {
        judge(before, &[(&users[2], Answer::TimedOut)], failed, now(), 0.0).health.next_at
    };
    assert!(after(&health, &failed).is_some());
    assert_eq!(after(&health, &failed[..1]), None);
    let worked = EndpointHealth { succeeded_at: Some(now()), ..health };
    assert_eq!(after(&worked, &failed), None, "others were delivered since");
}

#[test]
fn an_endpoint_that_is_not_reached_or_asks_to_wait_is_left_alone_and_its_messages_stay() {
    let ann = message(Some("ann"));
    let minutes = |minutes: i64| Some(now() + TimeDelta::minutes(minutes));
    for (answer, next_at) in [
        (Answer::NotReached("refused".into()), Some(now() + TimeDelta::seconds(5))),
        (Answer::Status(503, None), Some(now() + TimeDelta::seconds(5))),
        (Answer::Status(429, Some(Duration::from_secs(600))), minutes(10)),
    ] {
        let judged = judged(&EndpointHealth::default(), &[(&ann, answer)]);
        assert_eq!(judged.verdicts, [Verdict::Stays]);
        assert_eq!((judged.health.next_at, judged.health.failures), (next_at, 1));
        assert_eq!(judged.health.failing_since, Some(now()));
    }
}

#[test]
fn a_refused_message_of_one_user_is_halved_until_one_change_is_left() {
    let mut ann = message(Some("ann"));
    ann.planned.last = 500;
    let verdict = |message: &WebhookMessage, answer: Answer| {
        judged(&EndpointHealth::default(), &[(message, answer)]).verdicts.remove(0)
    };
    assert_eq!(verdict(&ann, Answer::Status(413, None)), Verdict::Halve);
    assert_eq!(verdict(&ann, BAD), Verdict::Halve);
    assert!(matches!(verdict(&ann, Answer::Status(500, None)), Verdict::Again { .. }));
    ann.planned.last = ann.planned.first;
    assert!(matches!(verdict(&ann, BAD), Verdict::Again { .. }));
}

#[test]
fn what_fails_at_once_counts_once() {
    let users: Vec<_> = (0..20).map(|user| message(Some(&format!("user{user}")))).collect();
    let refused = || Answer::NotReached("refused".into());
    let tried: Vec<_> = users.iter().map(|message| (message, refused())).collect();
    let judged = judged(&EndpointHealth::default(), &tried);
    assert_eq!(judged.health.failures, 1);
    assert_eq!(judged.health.next_at, Some(now() + TimeDelta::seconds(5)));
}

#[test]
fn an_hour_in_which_all_fails_takes_no_step_of_a_message() {
    let (mut ann, ben) = (message(Some("ann")), message(Some("ben")));
    let failed = Answer::Status(500, None);
    let take = |message: &mut WebhookMessage, judged: &Judged| {
        let Some(Verdict::Again { step, failing_since, next_at }) = judged.verdicts.first() else {
            panic!("{judged:?}")
        };
        (message.step, message.failing_since, message.next_at) =
            (*step, Some(*failing_since), *next_at);
    };
    let mut health = EndpointHealth::default();
    for _ in 0..40 {
        let after = judged(&health, &[(&ann, failed.clone())]);
        take(&mut ann, &after);
        health = after.health;
    }
    assert_eq!(ann.step, 1);
    // Back, but not yet for all.
    let after = judged(&health, &[(&ann, failed), (&ben, GOOD)]);
    take(&mut ann, &after);
    assert_eq!(after.verdicts[1], Verdict::Delivered);
}

#[test]
fn a_pause_of_days_is_no_failure_of_days() {
    let ann = message(Some("ann"));
    let days = |days: i64| Some(now() - TimeDelta::days(days));
    for (last, is_disabled) in [(days(6), false), (Some(now() - TimeDelta::minutes(5)), true)] {
        let before =
            EndpointHealth { failing_since: days(6), next_at: last, ..EndpointHealth::default() };
        let judged = judged(&before, &[(&ann, Answer::NotReached("refused".into()))]);
        assert_eq!(judged.disabled.is_some(), is_disabled);
    }
}

#[test]
fn one_success_ends_all_that_was_held_against_an_endpoint() {
    let (ann, ben) = (message(Some("ann")), message(Some("ben")));
    let before = EndpointHealth {
        failing_since: Some(now() - TimeDelta::days(4)),
        failures: 90,
        next_at: Some(now()),
        last_error: Some("it answered 500".into()),
        succeeded_at: None,
    };
    let judged = judged(&before, &[(&ann, BAD), (&ben, GOOD)]);
    assert!(judged.is_back);
    let expected = EndpointHealth { succeeded_at: Some(now()), ..EndpointHealth::default() };
    assert_eq!(judged.health, expected);
}

#[test]
fn a_message_of_several_users_is_split_when_it_is_refused_or_fails_for_a_while() {
    let verdict = |attempts: u32, answer: Answer| {
        let message = WebhookMessage { attempts, ..message(None) };
        judged(&EndpointHealth::default(), &[(&message, answer)]).verdicts.remove(0)
    };
    assert_eq!(verdict(0, BAD), Verdict::Split);
    assert_eq!(verdict(0, Answer::Status(500, None)), Verdict::Stays);
    assert_eq!(
        verdict(0, Answer::Status(404, None)),
        Verdict::Stays,
        "a host app that is deployed"
    );
    assert_eq!(verdict(6, Answer::TimedOut), Verdict::Stays);
    assert_eq!(verdict(7, Answer::TimedOut), Verdict::Split);
    assert_eq!(verdict(9, Answer::NotReached("refused".into())), Verdict::Stays);
}

#[test]
fn a_message_is_given_up_after_its_last_step_if_others_were_delivered() {
    let since = now() - TimeDelta::hours(76);
    let last = WebhookMessage { step: 9, failing_since: Some(since), ..message(Some("ann")) };
    let verdict = |succeeded_at: Option<DateTime<Utc>>| {
        let health = EndpointHealth { succeeded_at, ..EndpointHealth::default() };
        judged(&health, &[(&last, BAD)]).verdicts.remove(0)
    };
    assert_eq!(verdict(Some(now())), Verdict::GivenUp);
    for never_since in [None, Some(since - TimeDelta::hours(1))] {
        assert!(matches!(verdict(never_since), Verdict::Again { .. }));
    }
}

#[test]
fn an_endpoint_is_disabled_by_410_and_after_five_days_of_failures() {
    let ann = message(Some("ann"));
    let gone = judged(&EndpointHealth::default(), &[(&ann, Answer::Status(410, None))]);
    assert!(gone.disabled.unwrap().contains("410"));
    assert_eq!(gone.verdicts, [Verdict::Stays], "it is sent if the endpoint is enabled again");
    for (hours, is_disabled) in [(119, false), (120, true)] {
        let failing_since = Some(now() - TimeDelta::hours(hours));
        let before = EndpointHealth { failing_since, ..EndpointHealth::default() };
        let judged = judged(&before, &[(&ann, Answer::TimedOut)]);
        assert_eq!(judged.disabled.is_some(), is_disabled, "{:?}", judged.disabled);
    }
}
