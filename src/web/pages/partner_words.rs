//! A partner's state, limits and users in words and bars.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::chart::{Look, Part, bar};
use super::frame::Mark;
use super::words;
use crate::actors::BucketTree;
use crate::limits::CircuitState;
use crate::model::PartnerState;
use crate::web::admin::partner_view::{GroupView, NotificationHealth, PartnerReport};

const OK: Mark = Mark { class: "is-ok", symbol: "m-ok", word: "" };
const WARN: Mark = Mark { class: "is-warn", symbol: "m-warn", word: "" };
const BAD: Mark = Mark { class: "is-bad", symbol: "m-bad", word: "" };
const OFF: Mark = Mark { class: "is-off", symbol: "m-off", word: "" };

fn mark(mark: Mark, word: &'static str) -> Mark {
    Mark { word, ..mark }
}

/// How the partner is: the title of its page, and its mark.
pub(super) fn heading(report: &PartnerReport, now: &DateTime<Utc>) -> (String, Mark) {
    let summary = &report.summary;
    let (title, clock) = (summary.title, |at: &DateTime<Utc>| words::clock(at, now));
    match summary.state {
        PartnerState::Ended => {
            let mark = Mark { symbol: "m-ended", ..mark(OFF, "Ended") };
            return (format!("{title} has ended its service"), mark);
        }
        PartnerState::Paused => {
            let since = summary.paused_since.as_ref().map(clock).unwrap_or_default();
            let mark = Mark { symbol: "m-pause", ..mark(OFF, "Paused") };
            return (format!("{title} is paused since {since}"), mark);
        }
        PartnerState::Restarting => {
            return (format!("{title} is being restarted"), mark(WARN, "Restarting"));
        }
        PartnerState::Running => {}
    }
    let Some(circuit) = &summary.circuit else {
        return (format!("{title} is busy"), mark(WARN, "Its actor does not answer in time"));
    };
    if circuit.state != CircuitState::Closed {
        let since = circuit.since.as_ref().map(clock).unwrap_or_default();
        let word = match circuit.state {
            CircuitState::HalfOpen => "One sync tries it now",
            _ => "Syncs wait, and one tries it from time to time",
        };
        return (format!("{title} does not answer since {since}"), mark(BAD, word));
    }
    let closed = report.limits.iter().filter_map(|limit| limit.closed_until).max();
    if let Some(until) = closed {
        return (format!("{title} asked us to wait until {}", clock(&until)), mark(WARN, "Waits"));
    }
    let full = report.limits.iter().filter(|limit| limit.used >= limit.polls_may_fill);
    if let Some(until) = full.filter_map(|limit| limit.resets_at).max() {
        let mark = mark(WARN, "Polls wait for a limit");
        return (format!("{title} waits for its limit until {}", clock(&until)), mark);
    }
    let needs_you = report.errors.iter().filter(|it| it.needs == crate::incidents::Needs::You);
    match needs_you.count() {
        0 => (format!("{title} works"), mark(OK, "Running")),
        1 => (format!("{title} works, but one error needs you"), mark(WARN, "Running")),
        errors => (format!("{title} works, but {errors} errors need you"), mark(WARN, "Running")),
    }
}

/// A limit: what it is, and a bar of what it is used for.
pub(super) struct LimitRow {
    pub(super) limit: String,
    pub(super) bar: String,
    pub(super) used: String,
    pub(super) left: String,
    pub(super) is_full: bool,
    pub(super) resets: String,
}

pub(super) fn limit_row(limit: &BucketTree, now: &DateTime<Utc>) -> LimitRow {
    let what = if limit.counts == "reads" { "reads" } else { "calls" };
    let seconds = limit.window_s;
    let window = match TimeDelta::try_milliseconds(
        // Windows are shorter than years.
        #[expect(clippy::cast_possible_truncation, reason = "a cast to an integer saturates")]
        {
            (seconds * 1_000.0) as i64
        },
    ) {
        Some(window) if window == TimeDelta::days(1) => "a day".to_owned(),
        Some(window) if window < TimeDelta::seconds(1) => {
            format!("in {} ms", window.num_milliseconds())
        }
        Some(window) => format!("in {}", words::span(window)),
        None => "in a long time".to_owned(),
    };
    let used_for = &limit.used_for;
    let parts = [
        (used_for.people, Look::Accent, "for people"),
        (used_for.polls, Look::Accent2, "for polls"),
        (used_for.past, Look::Accent3, "for the past"),
        (used_for.other, Look::Off, "by others or before the start"),
    ];
    let says: Vec<String> = parts
        .iter()
        .filter(|(calls, ..)| *calls > 0)
        .map(|(calls, _, what)| format!("{} {what}", words::number(calls)))
        .collect();
    let says = if says.is_empty() { "nothing is used".to_owned() } else { says.join(", ") };
    let whole = f64::from(limit.limit.max(1));
    let parts = parts.map(|(calls, look, _)| Part { share: f64::from(calls) / whole, look });
    LimitRow {
        limit: format!("{} {what} {window}", words::number(limit.limit)),
        bar: bar(&parts, &says),
        used: words::number(limit.used),
        left: words::number(limit.left),
        is_full: limit.used >= limit.polls_may_fill,
        resets: match (limit.closed_until, limit.resets_at) {
            (Some(until), _) => format!("asked to wait until {}", words::clock(&until, now)),
            (None, Some(at)) => words::clock(&at, now),
            (None, None) => "nothing to reset".to_owned(),
        },
    }
}

/// A part of the connections, with its share of all.
pub(super) struct ConnectionRow {
    pub(super) mark: Mark,
    pub(super) bar: String,
    pub(super) count: String,
    /// Where its errors are listed.
    pub(super) link: Option<String>,
}

#[expect(clippy::cast_precision_loss, reason = "numbers of users")]
fn share_bar(part: u64, of: u64, look: Look) -> String {
    let share = part as f64 / of.max(1) as f64;
    bar(&[Part { share, look }], &format!("{:.1} percent", share * 100.0))
}

pub(super) fn connection_rows(report: &PartnerReport, name: &str) -> Vec<ConnectionRow> {
    let all = &report.summary.connections;
    let total = all.connected + all.needs_reconnect + all.ended + all.disconnected;
    let row = |count: u64, it: Mark, word, look, code: Option<&str>| ConnectionRow {
        mark: mark(it, word),
        bar: share_bar(count, total, look),
        count: words::number(count),
        link: code
            .filter(|_| count > 0)
            .map(|code| format!("/admin/errors?partner={name}&code={code}")),
    };
    let mut rows = vec![
        row(all.connected, OK, "Connected", Look::Ok, None),
        row(all.needs_reconnect, WARN, "Must reconnect", Look::Warn, Some("authorization_revoked")),
        row(all.disconnected, OFF, "Disconnected", Look::Off, None),
    ];
    if all.ended > 0 {
        let ended = Mark { symbol: "m-ended", ..OFF };
        rows.insert(2, row(all.ended, ended, "Service ended", Look::Off, Some("connection_ended")));
    }
    rows
}

/// An activity group, with its share of the connected users.
pub(super) struct GroupRow {
    pub(super) every: String,
    pub(super) silence: String,
    pub(super) bar: String,
    pub(super) users: String,
    pub(super) polled: String,
}

pub(super) fn group_rows(report: &PartnerReport) -> Vec<GroupRow> {
    let total: u64 = report.groups.iter().map(|group| group.users).sum();
    let looks = [Look::Accent, Look::Accent2, Look::Accent3];
    let silent = |number: usize| {
        let seconds = report.groups.get(number).map(|group| group.silent_s)?;
        let seconds = i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds);
        Some(words::span(seconds.unwrap_or(TimeDelta::MAX)))
    };
    let row = |(number, group): (usize, &GroupView)| {
        let every = words::every(Duration::from_secs(group.interval_s));
        GroupRow {
            every: format!("E{}", every.trim_start_matches('e')),
            silence: match (number, silent(number), silent(number + 1)) {
                (0, _, None) => "everybody".to_owned(),
                (0, _, Some(end)) => format!("data within {end}"),
                (_, begin, None) => format!("no data for {} or longer", begin.unwrap_or_default()),
                (_, begin, Some(end)) => {
                    format!("no data for {} to {end}", begin.unwrap_or_default())
                }
            },
            bar: share_bar(group.users, total, looks.get(number).copied().unwrap_or(Look::Accent3)),
            users: words::number(group.users),
            polled: words::number(group.polled),
        }
    };
    report.groups.iter().enumerate().map(row).collect()
}

/// Whether notifications arrive, and the figures.
pub(super) struct Health {
    pub(super) mark: Mark,
    pub(super) sentence: String,
    pub(super) figures: Vec<(&'static str, String)>,
}

pub(super) fn health(
    it: &NotificationHealth,
    report: &PartnerReport,
    now: &DateTime<Utc>,
) -> Health {
    let (counts, users) = (&it.counts, report.summary.connections.connected);
    let clock = |at: &DateTime<Utc>| words::clock(at, now);
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let silent = counts.silent_connections;
    let (mark, sentence) = match (&counts.closed, &counts.error, counts.last_at) {
        (Some(why), ..) => (OFF, format!("Not used: {why}")),
        (_, Some(error), _) => (BAD, format!("Not subscribed: {error}")),
        _ if silent > 0 => {
            let users = words::count(number(silent), "user", "users");
            (WARN, format!("Missing for {users}; polls find what is new"))
        }
        (None, None, Some(_)) => (OK, "They arrive and are answered".to_owned()),
        (None, None, None) => (OFF, "None has come since the daemon started".to_owned()),
    };
    let subscription = match (counts.subscribing, counts.subscribed_at, counts.checked_at) {
        ("in_console", ..) => "entered by hand at the partner".to_owned(),
        ("per_connection", ..) => format!(
            "for {} of {}",
            words::number(it.subscribed_connections),
            words::count(number(users), "user", "users")
        ),
        (_, Some(since), Some(checked)) => {
            format!("in place since {}, checked {}", clock(&since), clock(&checked))
        }
        (_, Some(since), None) => format!("in place since {}", clock(&since)),
        (_, None, _) => "none yet".to_owned(),
    };
    let mut figures = vec![
        ("Last one", counts.last_at.as_ref().map_or_else(|| "none yet".to_owned(), clock)),
        ("Taken", format!("{} since the daemon started", words::number(counts.taken))),
        ("Subscription", subscription),
        ("Refused calls", words::number(counts.refused)),
    ];
    if counts.late > 0 {
        figures.push(("Stored too late", words::number(counts.late)));
    }
    if counts.unknown_user > 0 {
        figures.push(("About nobody here", words::number(counts.unknown_user)));
    }
    Health { mark, sentence, figures }
}
