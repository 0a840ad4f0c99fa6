//! The timeline, day by day.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::looks;
use crate::web::State;
use crate::web::admin::users::list::title;
use crate::web::api::timeline::LineView;
use crate::web::pages::frame::Mark;
use crate::web::pages::words;

/// The entries of a day.
pub(super) struct Day {
    pub(super) title: String,
    pub(super) lines: Vec<Line>,
}

/// An entry.
pub(super) struct Line {
    /// Of its details, when they are opened.
    pub(super) id: String,
    pub(super) machine: String,
    pub(super) clock: String,
    pub(super) mark: Mark,
    pub(super) who: String,
    pub(super) what: String,
    /// Why it ran, what it cost, where it stands now.
    pub(super) details: Vec<String>,
}

/// The days of these entries, the latest first.
pub(super) fn days(state: &State, lines: Vec<LineView>, now: DateTime<Utc>) -> Vec<Day> {
    let mut days: Vec<(chrono::NaiveDate, Day)> = Vec::new();
    for line in lines {
        let date = line.finished_at.date_naive();
        let shown = shown(state, &line);
        match days.last_mut().filter(|(day, _)| *day == date) {
            Some((_, day)) => day.lines.push(shown),
            None => {
                let title = if date == now.date_naive() {
                    "Today".to_owned()
                } else {
                    date.format("%A, %-d %B %Y").to_string()
                };
                days.push((date, Day { title, lines: vec![shown] }));
            }
        }
    }
    days.into_iter().map(|(_, day)| day).collect()
}

fn shown(state: &State, line: &LineView) -> Line {
    let mut what = line.summary.clone();
    if line.times > 1 {
        let since = words::clock(&line.started_at, &line.finished_at);
        what.push_str(&format!(", for the {} time since {since}", nth(line.times)));
    }
    let mut details = vec![looks::cause(line.cause).to_owned()];
    details.extend(report(line));
    Line {
        id: format!("line-{}-{}", line.partner, line.started_at.timestamp_micros()),
        machine: words::machine(&line.finished_at),
        clock: line.finished_at.format("%H:%M:%S").to_string(),
        mark: looks::outcome(line.outcome),
        who: title(state, &line.partner).to_owned(),
        what,
        details,
    }
}

/// `1st`, `2nd`, `3rd`, `11th`.
fn nth(number: i32) -> String {
    let end = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{}{end}", words::number(number))
}

/// What a sync did: its calls, the limits it met, and where its feeds stand.
fn report(line: &LineView) -> Vec<String> {
    let report: Value = serde_json::from_str(line.detail.get()).unwrap_or_default();
    let mut said = Vec::new();
    let calls = |name: &str| report.pointer(&format!("/calls/{name}")).and_then(Value::as_i64);
    let counted = [("reads", "read"), ("writes", "write"), ("tokens", "token call")];
    let counted = counted.into_iter().filter_map(|(name, one)| {
        let count = calls(name).filter(|count| *count > 0)?;
        Some(words::count(count, one, &format!("{one}s")))
    });
    let counted: Vec<_> = counted.collect();
    if !counted.is_empty() {
        let took = words::span(line.finished_at - line.started_at);
        let took = if line.times == 1 { format!(", took {took}") } else { String::new() };
        said.push(format!("Calls: {}{took}.", counted.join(", ")));
    }
    let list =
        |pointer: &str| report.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let text = |of: &Value, name: &str| -> Option<String> {
        of.get(name).and_then(Value::as_str).map(str::to_owned)
    };
    for limit in list("/limits") {
        let Some(name) = text(limit, "limit") else { continue };
        let stopped = limit.get("stopped").and_then(Value::as_bool) == Some(true);
        let waited = limit.get("waited_ms").and_then(Value::as_i64).unwrap_or_default();
        said.push(if stopped {
            format!("Stopped by a limit: {name}.")
        } else {
            format!(
                "Waited {} for a limit: {name}.",
                words::span(chrono::TimeDelta::milliseconds(waited))
            )
        });
    }
    for feed in list("/feeds") {
        let Some(name) = text(feed, "feed") else { continue };
        let (before, after) = (text(feed, "cursor_before"), text(feed, "cursor_after"));
        match (before, after) {
            (Some(before), Some(after)) if before != after => {
                said.push(format!("{name} stands at “{after}”; before, at “{before}”."));
            }
            (_, Some(after)) => said.push(format!("{name} stands at “{after}”.")),
            _ => {}
        }
        for refusal in feed.get("refusals").and_then(Value::as_array).into_iter().flatten() {
            said.extend(text(refusal, "reason").map(|reason| format!("Refused: {reason}.")));
        }
        let error = feed.get("error").and_then(|error| text(error, "message"));
        said.extend(error.map(|error| format!("{name}: {error}.")));
    }
    for refusal in list("/push/refusals") {
        said.extend(text(refusal, "reason").map(|reason| format!("Refused there: {reason}.")));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_written_as_people_do() {
        for (number, text) in
            [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (22, "22nd"), (1_113, "1,113th")]
        {
            assert_eq!(nth(number), text);
        }
    }
}
