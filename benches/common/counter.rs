//! Counts the statements this process sends to the database, with diesel's instrumentation.

use std::fmt::{self, Write};
use std::ops::Sub;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::ensure;
use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

/// The statements sent so far, by their first word.
struct Sent {
    reads: AtomicU64,
    writes: AtomicU64,
    begins: AtomicU64,
    commits: AtomicU64,
    savepoints: AtomicU64,
}

static SENT: Sent = Sent {
    reads: AtomicU64::new(0),
    writes: AtomicU64::new(0),
    begins: AtomicU64::new(0),
    commits: AtomicU64::new(0),
    savepoints: AtomicU64::new(0),
};

/// Counts the statements of one connection.
struct Counter;

impl Instrumentation for Counter {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        let InstrumentationEvent::StartQuery { query, .. } = event else { return };
        let mut first = FirstWord(String::new());
        // The error is intended: it stops after the first word.
        write!(first, "{query}").unwrap_or_default();
        let count = match first.0.to_ascii_uppercase().as_str() {
            "SELECT" | "WITH" => &SENT.reads,
            "BEGIN" | "START" => &SENT.begins,
            "COMMIT" => &SENT.commits,
            "SAVEPOINT" | "RELEASE" | "ROLLBACK" => &SENT.savepoints,
            "PRAGMA" => return,
            _ => &SENT.writes,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Collects a text up to its first white space.
struct FirstWord(String);

impl Write for FirstWord {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            if letter.is_whitespace() {
                return Err(fmt::Error);
            }
            self.0.push(letter);
        }
        Ok(())
    }
}

/// Counts the statements of all connections opened from now on.
pub(crate) fn begin() -> anyhow::Result<()> {
    let set = set_default_instrumentation(|| Some(Box::new(Counter)));
    ensure!(set.is_ok(), "nothing can be counted");
    Ok(())
}

/// Counts of statements, or the difference between two counts.
#[derive(Clone, Copy)]
pub(crate) struct Counts {
    /// Statements that read.
    pub(crate) reads: u64,
    /// Statements that write.
    pub(crate) writes: u64,
    /// Commits.
    pub(crate) commits: u64,
    /// Statements that begin, end and divide transactions, including commits.
    pub(crate) framing: u64,
}

impl Counts {
    /// The current counts.
    pub(crate) fn now() -> Self {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let commits = load(&SENT.commits);
        Self {
            reads: load(&SENT.reads),
            writes: load(&SENT.writes),
            commits,
            framing: load(&SENT.begins) + commits + load(&SENT.savepoints),
        }
    }

    /// Statements that read or write.
    pub(crate) fn statements(&self) -> u64 {
        self.reads + self.writes
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            reads: self.reads - before.reads,
            writes: self.writes - before.writes,
            commits: self.commits - before.commits,
            framing: self.framing - before.framing,
        }
    }
}
