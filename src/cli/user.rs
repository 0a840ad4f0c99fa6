//! `syncwell user`; and `show`: why a user's data has or has not come, and what ran, in the terminal.

use std::fmt::Write as _;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::out::say;
use super::remote::{Remote, has_colour};
use super::user_data::{self, Erase, Export};
use crate::model::in_address;

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Show a user's connections, why their data has or has not come, and what ran last.
    ///
    /// The running daemon is asked, with a key of scope admin in SYNCWELL_KEY or --key-file.
    #[command(after_help = "\
Examples:
  syncwell user show u-1042
  syncwell user show u-1042 --key-file /etc/syncwell/admin.key --json | jq .headline")]
    Show(Show),
    /// Write all that is here of a user to standard output.
    #[command(after_help = "\
Examples:
  syncwell user export u-1042 > u-1042.jsonl
  syncwell user export u-1042 --format csv > u-1042.csv")]
    Export(Export),
    /// Delete all that is here of a user, and revoke the access at the partners.
    #[command(after_help = "Example:\n  syncwell user erase u-1042")]
    Erase(Erase),
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The host app's id of the user.
    id: String,
    /// Print the daemon's answer as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(command: UserCommand) -> anyhow::Result<()> {
    let Show { id, json, remote } = match command {
        UserCommand::Show(show) => show,
        UserCommand::Export(asked) => return user_data::export(asked).await,
        UserCommand::Erase(asked) => return user_data::erase(asked).await,
    };
    let daemon = remote.daemon()?;
    let Some(user) = daemon.find(&format!("/admin/api/users/{}", in_address(&id))).await? else {
        let found = daemon.get(&format!("/admin/api/users?limit=5&q={}", in_address(&id))).await?;
        let near = array(&found, "/near").chain(array(&found, "/users"));
        let near = near.filter_map(|it| it.as_str().or_else(|| it.get("user_id")?.as_str()));
        let near: Vec<_> = near.collect();
        let hint = if near.is_empty() {
            "no id is near it".to_owned()
        } else {
            format!("near it: {}", near.join(", "))
        };
        bail!("there is no user {id}; {hint}");
    };
    if json {
        return say!("{user:#}");
    }
    say!("{}", shown(&user, has_colour()).trim_end())
}

fn array<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A time as it is written in the API, to the second and without its letters.
fn time(text: &str) -> String {
    let seconds: String = text.chars().take("2026-11-22T06:15:00".len()).collect();
    seconds.replace('T', " ")
}

/// What a person reads.
fn shown(user: &Value, has_colour: bool) -> String {
    let strong = |words: &str| {
        if has_colour { format!("\u{1b}[1m{words}\u{1b}[0m") } else { words.to_owned() }
    };
    let coloured = |words: &str, condition: &str| match condition {
        _ if !has_colour => words.to_owned(),
        "working" | "first_sync" => format!("\u{1b}[32m{words}\u{1b}[0m"),
        "must_reconnect" | "partner_down" => format!("\u{1b}[31m{words}\u{1b}[0m"),
        "disconnected" | "ended" | "not_installed" => words.to_owned(),
        _ => format!("\u{1b}[33m{words}\u{1b}[0m"),
    };
    let mut out = String::new();
    let mut line = |text: String| writeln!(out, "{text}").unwrap_or_default();
    line(strong(text(user, "/headline")));
    let counted = user.pointer("/records/counted").and_then(Value::as_i64).unwrap_or_default();
    let more = user.pointer("/records/more").and_then(Value::as_bool) == Some(true);
    let known = match text(user, "/known_since") {
        "" => String::new(),
        since => format!("known since {} UTC, ", time(since)),
    };
    line(format!("{known}{}{counted} records", if more { "more than " } else { "" }));
    for connection in array(user, "/connections") {
        line(String::new());
        let words = coloured(text(connection, "/words"), text(connection, "/condition"));
        let since = match text(connection, "/since") {
            "" => String::new(),
            since => format!(", since {} UTC", time(since)),
        };
        line(format!("{}: {words}{since}", strong(text(connection, "/title"))));
        for cause in array(connection, "/explanation/causes") {
            line(format!("  - {}", text(cause, "/sentence")));
            match text(cause, "/mend") {
                "" => {}
                mend => line(format!("    {mend}")),
            }
        }
        let why = text(connection, "/explanation/next/why");
        match text(connection, "/explanation/next/at") {
            "" if why.is_empty() => {}
            "" => line(format!("  Next: {why}")),
            at => line(format!("  Next: {} UTC, {why}", time(at))),
        }
    }
    for unfinished in array(user, "/unfinished") {
        line(String::new());
        let (title, since) = (text(unfinished, "/title"), time(text(unfinished, "/since")));
        line(format!("{title}: a connect was begun on {since} UTC and never finished"));
    }
    let mut syncs = array(user, "/syncs").peekable();
    if syncs.peek().is_some() {
        line(String::new());
        line(strong("Timeline"));
    }
    for sync in syncs {
        let times = sync.get("times").and_then(Value::as_i64).unwrap_or(1);
        let often = if times > 1 { format!(" ({times} times)") } else { String::new() };
        line(format!(
            "  {}  {}  {}: {}{often}",
            time(text(sync, "/finished_at")),
            text(sync, "/partner"),
            text(sync, "/outcome"),
            text(sync, "/summary")
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_person_reads_the_answer_first_and_then_why() {
        let user = json!({
            "headline": "ann must reconnect Withings", "known_since": "2026-03-14T08:00:00Z",
            "records": {"counted": 20_000, "more": true}, "unfinished": [],
            "connections": [{"title": "Withings", "words": "Must reconnect", "condition": "must_reconnect",
                "since": "2026-11-28T21:14:41.201Z", "explanation": {
                    "causes": [{"sentence": "The access is gone.", "mend": "Connect again."}],
                    "next": {"at": null, "why": "nothing is planned"}}}],
            "syncs": [{"partner": "withings", "outcome": "ok", "summary": "nothing new",
                "finished_at": "2026-11-28T20:51:30Z", "times": 158}]
        });
        let plain = shown(&user, false);
        let expected = "ann must reconnect Withings\n\
            known since 2026-03-14 08:00:00 UTC, more than 20000 records\n\n\
            Withings: Must reconnect, since 2026-11-28 21:14:41 UTC\n  - The access is gone.\n    \
            Connect again.\n  Next: nothing is planned\n\nTimeline\n  \
            2026-11-28 20:51:30  withings  ok: nothing new (158 times)\n";
        assert_eq!(plain, expected);
        assert!(shown(&user, true).contains("\u{1b}[31mMust reconnect"));
    }
}
