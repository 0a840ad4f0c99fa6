//! Why a connection was lost: whether the kill itself took the answer with its new tokens.

use std::time::Duration;

use partner_sandbox::TokenCall;

use crate::outages::Span;

/// A kill, in real time since the sandbox started: the process was there before, and gone after.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kill {
    pub(crate) before: Duration,
    pub(crate) after: Duration,
    /// The longest that a change of the host app took to be stored in this life and those just before.
    pub(crate) slowest_write: Duration,
}

/// How long a call of a killed process may still lie in a socket before the partner reads it.
const LATE: Duration = Duration::from_millis(200);

/// How long a process may take from an answer that was sent to tokens that are stored; on a busy
/// machine, as long as two other writes.
const STORING: Duration = Duration::from_millis(500);

/// How long after the end of an outage tokens must be stored that came in it.
const STORING_AFTER_AN_OUTAGE: Duration = Duration::from_secs(1);

/// Where the new tokens were when they were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Where {
    /// The partner had made the answer and not sent it, or not before the kill.
    OnTheWay,
    /// It was sent so shortly before the kill.
    BeingStored(Duration),
    /// They could not be stored before the kill, because there was no room or no server.
    InMemory(Duration),
    /// None of these: the daemon lost them.
    Nowhere,
}

/// Explains a refused refresh by the calls for tokens of that account.
pub(crate) fn explain(calls: &[TokenCall], kills: &[Kill], outages: &[Span]) -> Where {
    let refused = calls.iter().rfind(|call| call.is_refresh && !call.issued);
    let Some((refused, presented)) = refused.and_then(|call| Some((call, call.presented?))) else {
        return Where::Nowhere;
    };
    let replaces =
        |call: &&TokenCall| call.is_refresh && call.issued && call.presented == Some(presented);
    let Some(by) = calls.iter().find(replaces).filter(|by| !by.is_used) else {
        return Where::Nowhere;
    };
    let kill = kills.iter().find(|kill| kill.after + LATE >= by.made_at);
    let Some(kill) = kill.filter(|kill| kill.before < refused.made_at) else {
        return Where::Nowhere;
    };
    let Some(sent_at) = by.sent_at.filter(|sent_at| *sent_at < kill.before) else {
        return Where::OnTheWay;
    };
    let held = kill.before - sent_at;
    let storing = STORING.max(kill.slowest_write * 2);
    if held <= storing {
        return Where::BeingStored(held);
    }
    let could_not = outages.iter().any(|outage| {
        let is_over = outage.ended.is_some_and(|at| at + STORING_AFTER_AN_OUTAGE < kill.before);
        outage.began < kill.before && !is_over && outage.began <= sent_at + storing
    });
    if could_not { Where::InMemory(held) } else { Where::Nowhere }
}

/// How often a refresh token was presented although the tokens that replaced it had been in use: the daemon
/// had stored them, and went back.
pub(crate) fn used_twice(calls: &[TokenCall]) -> usize {
    let went_back = |(at, call): &(usize, &TokenCall)| {
        let before = calls.iter().take(*at);
        call.is_refresh
            && call.presented.is_some()
            && before.filter(|it| it.issued && it.is_used).any(|it| it.presented == call.presented)
    };
    calls.iter().enumerate().filter(went_back).count()
}

#[test]
fn only_a_kill_between_an_answer_and_its_tokens_excuses() {
    let ms = Duration::from_millis;
    let call =
        |is_refresh, presented, issued, made_at: u64, sent_at: Option<u64>, is_used| TokenCall {
            is_refresh,
            presented,
            issued,
            made_at: ms(made_at),
            sent_at: sent_at.map(ms),
            is_used,
        };
    let kill = |at: u64| [Kill { before: ms(at), after: ms(at + 1), slowest_write: ms(20) }];
    let outage = |began: u64, ended: u64| [Span { began: ms(began), ended: Some(ms(ended)) }];
    let calls = |sent_at, is_used| {
        [
            call(false, None, true, 0, Some(0), true),
            call(true, Some(0), true, 1_000, sent_at, is_used),
            call(true, Some(0), false, 9_000, Some(9_000), false),
        ]
    };
    let why = |sent_at, is_used, killed, outages: &[Span]| {
        explain(&calls(sent_at, is_used), &kill(killed), outages)
    };
    assert_eq!(why(None, false, 1_010, &[]), Where::OnTheWay);
    assert_eq!(why(Some(1_020), false, 1_010, &[]), Where::OnTheWay);
    assert_eq!(why(Some(1_020), false, 1_030, &[]), Where::BeingStored(ms(10)));
    assert_eq!(why(Some(1_020), false, 2_000, &[]), Where::Nowhere, "long after");
    assert_eq!(why(Some(1_020), false, 2_000, &outage(900, 1_500)), Where::InMemory(ms(980)));
    assert_eq!(why(Some(1_020), false, 8_000, &outage(900, 1_500)), Where::Nowhere, "room again");
    assert_eq!(why(Some(1_020), true, 1_030, &[]), Where::Nowhere, "the new ones were stored");
    assert_eq!(why(Some(1_020), false, 9_500, &[]), Where::Nowhere, "no kill");
    assert_eq!(used_twice(&calls(Some(1_020), false)), 0, "nobody knew the new ones");
    assert_eq!(used_twice(&calls(Some(1_020), true)), 1);
}
