//! Which of an endpoint's messages are sent together.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use crate::store::WebhookMessage;

/// How many messages are sent at once.
const AT_ONCE: usize = 10;

/// While this many users wait for a message that failed, nothing new is sent: then it is not their
/// messages that are at fault.
pub(super) const MOST_WAITING: usize = 1_000;

/// What to do.
#[derive(Debug)]
pub(super) enum Choice<'a> {
    /// Send these; no two are of one user.
    Send(Vec<&'a WebhookMessage>),
    /// Wait until then, or until there is something new.
    Wait(Option<DateTime<Utc>>),
}

/// Chooses among messages that were not tried in vain (`fresh`, in order) and those for which their
/// users wait. A probe, to see whether an endpoint is back, is one of each.
pub(super) fn choose<'a>(
    fresh: &'a [WebhookMessage],
    waiting: &'a [WebhookMessage],
    is_probe: bool,
    now: DateTime<Utc>,
) -> Choice<'a> {
    let mut due: Vec<&WebhookMessage> = waiting.iter().collect();
    due.sort_by_key(|message| message.next_at);
    let mut chosen = Vec::new();
    if is_probe {
        // Not always the same one: it may be that one which fails.
        chosen
            .extend(due.first().copied().filter(|first| first.next_at <= now || fresh.is_empty()));
        chosen.extend(fresh.first());
    } else {
        chosen.extend(due.iter().copied().filter(|message| message.next_at <= now).take(AT_ONCE));
        let mut users = HashSet::new();
        for message in fresh {
            match &message.planned.user {
                Some(user) if users.len() == AT_ONCE || !users.insert(user) => {}
                Some(_) => chosen.push(message),
                None if users.is_empty() => {
                    chosen.push(message);
                    break;
                }
                None => break,
            }
        }
    }
    match chosen.is_empty() {
        true => Choice::Wait(due.first().map(|message| message.next_at)),
        false => Choice::Send(chosen),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::model::UserId;
    use crate::store::PlannedMessage;

    fn now() -> DateTime<Utc> {
        "2026-12-01T12:00:00Z".parse().unwrap()
    }

    fn message(id: &str, user: Option<&str>, in_seconds: i64) -> WebhookMessage {
        let planned = PlannedMessage {
            id: id.into(),
            user: user.map(UserId::stored),
            first: 1,
            last: 1,
            without: Vec::new(),
        };
        WebhookMessage::new(planned, now() + TimeDelta::seconds(in_seconds))
    }

    fn ids(choice: Choice<'_>) -> Vec<String> {
        match choice {
            Choice::Send(chosen) => chosen.iter().map(|one| one.planned.id.clone()).collect(),
            Choice::Wait(until) => {
                vec![format!("{:?}", until.map(|at| (at - now()).num_seconds()))]
            }
        }
    }

    #[test]
    fn one_message_of_each_user_is_sent_and_one_of_many_users_alone() {
        let fresh = [
            message("a1", Some("ann"), 0),
            message("a2", Some("ann"), 0),
            message("b1", Some("ben"), 0),
            message("all", None, 0),
        ];
        assert_eq!(ids(choose(&fresh, &[], false, now())), ["a1", "b1"]);
        assert_eq!(ids(choose(&fresh[3..], &[], false, now())), ["all"]);
        assert_eq!(ids(choose(&[], &[], false, now())), ["None"]);
    }

    #[test]
    fn what_failed_is_sent_when_it_is_due() {
        let waiting = [message("a", Some("ann"), 30), message("b", Some("ben"), -1)];
        let fresh = [message("c", Some("cid"), 0)];
        assert_eq!(ids(choose(&fresh, &waiting, false, now())), ["b", "c"]);
        assert_eq!(ids(choose(&[], &waiting[..1], false, now())), ["Some(30)"]);
        assert_eq!(ids(choose(&fresh, &waiting, true, now())), ["b", "c"]);
        assert_eq!(ids(choose(&fresh, &waiting[..1], true, now())), ["c"], "not due yet");
        assert_eq!(ids(choose(&[], &waiting[..1], true, now())), ["a"], "there is nothing else");
    }
}
