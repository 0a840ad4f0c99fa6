//! Fills a database with connections as if they had been connected and polled before.
//!
//! Connecting a million accounts over HTTP would take hours. The rows follow the schema in
//! `migrations/`; the tokens are sealed by the vault and valid at a sandbox in load mode.

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::{Cursor, Kind};
use syncwell::clock::{Clock, SystemClock};
use syncwell::model::Direction;
use syncwell::vault::{AssociatedData, Vault};

use super::database::{Database, Script};

/// Rows per statement.
const BATCH: u32 = 500;

/// The default polling intervals of the groups, in minutes.
pub(crate) const MINUTES: [u32; 3] = [5, 20, 60];

/// The connections to create.
pub(crate) struct Plan<'a> {
    /// How many; each belongs to its own user: `user-1` and so on.
    pub(crate) connections: u32,
    /// Whether exercises are polled too, which needs a second call per poll.
    pub(crate) exercises: bool,
    /// The activity group of a connection by its number; numbers start at 1.
    pub(crate) group: &'a dyn Fn(u32) -> u32,
    /// When a connection is polled next, relative to now.
    pub(crate) due: &'a dyn Fn(u32) -> TimeDelta,
}

/// Creates the connections.
pub(crate) fn connections(database: &Database, plan: &Plan<'_>) -> anyhow::Result<()> {
    let now = SystemClock::new().now();
    let vault = Vault::from_file(database.key_file())?;
    let mut script = database.script()?;
    let switch = Direction::Poll.property(Kind::Exercise);
    script.run(&format!(
        "INSERT INTO property_types (name, value_type, default_value) VALUES ('{switch}', 'boolean', 'true');\n"
    ))?;
    script.run("BEGIN;\n")?;
    for first in (1..=plan.connections).step_by(BATCH as usize) {
        let last = plan.connections.min(first + BATCH - 1);
        script.run(&connection_rows(&script, &vault, plan, first..=last, now)?)?;
        script.run(&rows(
            "cursors (connection_id, feed, position, updated_at)",
            (first..=last).flat_map(|number| cursor_rows(number, plan, now)),
        ))?;
        if !plan.exercises {
            script.run(&rows(
                "properties (connection_id, name, value)",
                (first..=last).map(|number| format!("({number}, '{switch}', 'false')")),
            ))?;
        }
    }
    script.run("COMMIT;\n")?;
    script.end()
}

fn connection_rows(
    script: &Script,
    vault: &Vault,
    plan: &Plan<'_>,
    numbers: std::ops::RangeInclusive<u32>,
    now: DateTime<Utc>,
) -> anyhow::Result<String> {
    let then = (now - TimeDelta::days(1)).timestamp_micros();
    let expires = (now + TimeDelta::days(365)).timestamp_micros();
    let mut list = Vec::new();
    for number in numbers {
        let row = number.to_string();
        let seal = |column, token: &str| vault.seal(AssociatedData { column, row: &row }, token);
        let access = script.bytes(&seal("connections.access_token", &format!("load-{number}"))?);
        let refresh = script.bytes(&seal("connections.refresh_token", &format!("again-{number}"))?);
        let (group, due) = ((plan.group)(number), (now + (plan.due)(number)).timestamp_micros());
        list.push(format!(
            "({number}, 'user-{number}', 'withings', 'connected', '{number}', {access}, {refresh}, {expires}, \
             'user.metrics,user.activity', {group}, {now}, 0, {then}, {due}, {then}, {then})",
            now = now.timestamp_micros(),
        ));
    }
    let columns = "connections (id, user_id, partner, status, external_user_id, access_token_sealed, \
         refresh_token_sealed, access_expires_at, scopes, activity_group, silent_since, failures, \
         last_poll_at, next_poll_at, created_at, connected_at)";
    Ok(rows(&format!("{columns} {}", script.with_ids()), list.into_iter()))
}

fn cursor_rows(number: u32, plan: &Plan<'_>, now: DateTime<Utc>) -> Vec<String> {
    let read_at = now - TimeDelta::minutes(2);
    let Cursor(position) = Cursor::encode(&read_at.timestamp()).unwrap_or(Cursor(String::new()));
    let feeds: &[&str] = if plan.exercises { &["measure", "workouts"] } else { &["measure"] };
    let read_at = read_at.timestamp_micros();
    feeds.iter().map(|feed| format!("({number}, '{feed}', '{position}', {read_at})")).collect()
}

/// One statement that inserts all rows.
fn rows(into: &str, rows: impl Iterator<Item = String>) -> String {
    let mut statement = format!("INSERT INTO {into} VALUES ");
    for (place, row) in rows.enumerate() {
        statement.push_str(if place > 0 { "," } else { "" });
        statement.push_str(&row);
    }
    statement.push_str(";\n");
    statement
}
