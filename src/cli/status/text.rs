//! The overview as text.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::figures::with_separators;

/// How it is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Whether what is there can be overwritten.
    pub(super) is_terminal: bool,
    has_colour: bool,
}

impl Look {
    pub(super) fn of(is_terminal: bool) -> Self {
        // https://no-color.org: set, whatever to.
        let is_wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { is_terminal, has_colour: is_terminal && is_wanted && !is_dumb }
    }

    fn styled(self, code: u8, text: &str) -> String {
        if self.has_colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn strong(self, text: &str) -> String {
        self.styled(1, text)
    }

    fn soft(self, text: &str) -> String {
        self.styled(2, text)
    }
}

/// Whether something needs the administrator.
pub(super) fn needs_you(overview: &Value) -> bool {
    overview["needs_you"].as_array().is_some_and(|issues| !issues.is_empty())
}

/// The overview, for a person.
pub(super) fn render(overview: &Value, look: Look) -> String {
    let now = time(&overview["at"]).unwrap_or_default();
    let mut lines = vec![look.strong(text(&overview["title"]))];
    let counts = &overview["connections"];
    let known = format!(
        "{} users, {} accounts connected, {} must reconnect.",
        number(&counts["users"]),
        number(&counts["connected"]),
        number(&counts["needs_reconnect"])
    );
    let sentence = text(&overview["sentence"]);
    lines.push(if sentence.is_empty() { known } else { format!("{sentence} {known}") });
    for (title, name, mark, colour) in [
        ("Needs you", "needs_you", "!", 31),
        ("Needs users", "needs_users", "!", 33),
        ("Mends itself", "mends_itself", "~", 36),
    ] {
        let issues = list(&overview[name]);
        if !issues.is_empty() {
            lines.push(String::new());
            lines.push(look.strong(title));
        }
        for issue in issues {
            lines.push(format!("  {} {}", look.styled(colour, mark), text(&issue["heading"])));
            lines.push(look.soft(&format!("    {}", facts(issue, now))));
            lines.push(format!("    {}", text(&issue["mend"])));
        }
    }
    lines.extend(figures(overview, look));
    lines.extend(partners(overview, look));
    let until = now.format("%H:%M:%S");
    lines.push(String::new());
    lines.push(look.soft(&format!("Syncwell {}, {until} UTC", text(&overview["version"]))));
    lines.join("\n")
}

fn facts(issue: &Value, now: DateTime<Utc>) -> String {
    let mut facts = Vec::new();
    if let Some(since) = time(&issue["since"]) {
        let format = if since.date_naive() == now.date_naive() { "%H:%M" } else { "%-d %b, %H:%M" };
        facts.push(format!("since {}, {}", since.format(format), span(now - since)));
    }
    match (issue["user_id"].as_str(), issue["users"].as_i64()) {
        (Some(user), _) => facts.push(user.to_owned()),
        (None, Some(users)) if users > 0 => {
            let noun = if users == 1 { "user" } else { "users" };
            facts.push(format!("{} {noun}", with_separators(users)));
        }
        _ => {}
    }
    facts.join("; ")
}

/// The sums of the time that is shown.
fn figures(overview: &Value, look: Look) -> Vec<String> {
    let steps = list(&overview["steps"]);
    let sum = |name: &str| steps.iter().filter_map(|step| step[name].as_i64()).sum::<i64>();
    let worst = |name: &str| steps.iter().filter_map(|step| step[name].as_i64()).max();
    let title = if overview["range"] == "24h" { "The last day" } else { "The last hour" };
    let mut lines = vec![String::new(), look.strong(title)];
    if steps.is_empty() {
        lines.push("  nothing yet; the first whole minute is counted here".to_owned());
        return lines;
    }
    let mut row = |name: &str, value: String| lines.push(format!("  {name:<18}{value:>12}"));
    let count = |value: i64| with_separators(value);
    row("syncs", count(sum("syncs_done") + sum("syncs_failed") + sum("syncs_limited")));
    row("  that failed", count(sum("syncs_failed")));
    row("records received", count(sum("records")));
    row("changes pushed", count(sum("pushed")));
    row("calls to partners", count(sum("calls")));
    row("messages sent", count(sum("deliveries_done")));
    row("  that failed", count(sum("deliveries_failed")));
    if let Some(millis) = worst("late_p95_ms") {
        row("lateness, p95", span(TimeDelta::milliseconds(millis)));
    }
    lines
}

fn partners(overview: &Value, look: Look) -> Vec<String> {
    let partners = list(&overview["partners"]);
    let mut lines = vec![String::new(), look.strong("Partners")];
    if partners.is_empty() {
        lines.push("  none is installed; see installed_partners in the settings".to_owned());
    }
    for partner in partners {
        let state = text(&partner["state"]);
        let (words, colour) = match state {
            "running" => ("running", 32),
            "not_answering" => ("not answering", 31),
            "at_limit" => ("waits for its limit", 33),
            "restarting" => ("restarting", 33),
            "busy" => ("busy", 33),
            other => (other, 2),
        };
        let limit = &partner["busiest_limit"];
        let used = limit.as_object().map(|_| {
            let (used, most) = (number(&limit["used"]), number(&limit["limit"]));
            format!("{used} of {most} calls used")
        });
        let connected = format!("{} connected", number(&partner["connected"]));
        lines.push(format!(
            "  {:<16}{}  {connected:<18}{}",
            text(&partner["title"]),
            look.styled(colour, &format!("{words:<20}")),
            used.unwrap_or_default()
        ));
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn number(value: &Value) -> String {
    value.as_i64().map_or_else(|| "–".to_owned(), with_separators)
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str()?.parse().ok()
}

/// How long, in its largest two units.
fn span(time: TimeDelta) -> String {
    let seconds = time.num_seconds().max(0);
    match (seconds / 86_400, seconds / 3_600, seconds / 60) {
        (0, 0, 0) if seconds < 10 => format!("{} ms", time.num_milliseconds().max(0)),
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {} min", minutes % 60),
        (days, hours, _) => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PLAIN: Look = Look { is_terminal: false, has_colour: false };

    fn overview() -> Value {
        json!({
            "at": "2026-11-30T14:02:31Z", "version": "0.9.0", "range": "1h",
            "title": "One thing needs you", "sentence": "One thing needs users.",
            "connections": {"users": 48_210, "connected": 93_280, "needs_reconnect": 412},
            "needs_you": [{"heading": "A webhook endpoint does not take events: hooks.lumo.example",
                "mend": "Mend the endpoint.", "since": "2026-11-30T12:48:00Z", "users": 0}],
            "needs_users": [{"heading": "1,204 users must reconnect Withings", "mend": "They connect.",
                "since": "2026-11-28T21:14:00Z", "users": 1_204}],
            "mends_itself": [],
            "steps": [
                {"syncs_done": 1_300, "syncs_failed": 2, "syncs_limited": 1, "records": 9, "pushed": 1,
                 "calls": 7, "deliveries_done": 3, "deliveries_failed": 0, "late_p95_ms": 900},
                {"syncs_done": 15, "syncs_failed": 0, "syncs_limited": 0, "records": 0, "pushed": 0,
                 "calls": 0, "deliveries_done": 0, "deliveries_failed": 0, "late_p95_ms": null},
            ],
            "partners": [
                {"title": "Polar", "state": "not_answering", "connected": 3_718,
                 "busiest_limit": {"used": 22, "limit": 500}},
                {"title": "WHOOP", "state": "running", "connected": 2, "busiest_limit": null},
            ],
        })
    }

    #[test]
    fn what_is_wrong_comes_first_and_everything_has_its_number() {
        let text = render(&overview(), PLAIN);
        let expected = [
            "One thing needs you",
            "One thing needs users. 48,210 users, 93,280 accounts connected, 412 must reconnect.",
            "",
            "Needs you",
            "  ! A webhook endpoint does not take events: hooks.lumo.example",
            "    since 12:48, 1 h 14 min",
            "    Mend the endpoint.",
            "",
            "Needs users",
            "  ! 1,204 users must reconnect Withings",
            "    since 28 Nov, 21:14, 1 d 16 h; 1,204 users",
            "    They connect.",
            "",
            "The last hour",
            "  syncs                    1,318",
        ];
        for (line, expected) in text.lines().zip(expected) {
            assert_eq!(line, expected, "{text}");
        }
        assert!(text.contains("\n  lateness, p95           900 ms\n"), "{text}");
        let polar =
            "\n  Polar           not answering         3,718 connected   22 of 500 calls used\n";
        assert!(text.contains(polar), "{text}");
        assert!(text.contains("\n  WHOOP           running               2 connected\n"), "{text}");
        assert!(!text.contains('\x1b'), "{text}");
        assert!(needs_you(&overview()));
    }

    #[test]
    fn a_terminal_gets_colours_and_a_new_installation_reads_what_to_do() {
        let colours = Look { is_terminal: true, has_colour: true };
        assert!(render(&overview(), colours).contains("\x1b[31m!\x1b[0m"));
        let text = render(&json!({"title": "All is well", "needs_you": []}), PLAIN);
        assert!(text.starts_with("All is well\n– users"), "{text}");
        assert!(text.contains("nothing yet") && text.contains("installed_partners"), "{text}");
        assert!(!needs_you(&json!({"needs_you": []})));
    }
}
