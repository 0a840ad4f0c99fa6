//! Floods of one log line: of each kind the first few within a minute are logged, the others are
//! counted and reported in one line.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// How many lines of one kind are logged within a window.
const LOGGED: u32 = 5;

/// How long a window lasts, from its first line.
pub(super) const WINDOW: Duration = Duration::from_secs(60);

/// How many kinds are watched at once. Lines of further kinds are logged, all of them.
const MOST_KINDS: usize = 256;

/// The windows in progress, by kind. Knows no clock.
#[derive(Debug)]
pub(super) struct Floods<K, L> {
    windows: HashMap<K, Window<L>>,
}

#[derive(Debug)]
struct Window<L> {
    since: Instant,
    lines: u32,
    line: L,
}

impl<L> Window<L> {
    fn folded(&self) -> u32 {
        self.lines.saturating_sub(LOGGED)
    }

    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= WINDOW
    }
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is logged.
    Log,
    /// It is counted; the first of its window to be so.
    FoldFirst,
    /// It is counted.
    Fold,
}

impl<K, L> Default for Floods<K, L> {
    fn default() -> Self {
        Self { windows: HashMap::new() }
    }
}

impl<K: Eq + Hash, L> Floods<K, L> {
    /// Counts a line of this kind. `line` describes it, and is called for the first of a window.
    pub(super) fn count(&mut self, kind: K, now: Instant, line: impl FnOnce() -> L) -> Verdict {
        if let Some(window) = self.windows.get_mut(&kind) {
            // What a window folded is reported before the next one begins.
            if !window.is_over(now) || window.folded() > 0 {
                window.lines = window.lines.saturating_add(1);
                return match window.folded() {
                    0 => Verdict::Log,
                    1 => Verdict::FoldFirst,
                    _ => Verdict::Fold,
                };
            }
        } else if self.windows.len() >= MOST_KINDS {
            self.windows.retain(|_, window| !window.is_over(now) || window.folded() > 0);
            if self.windows.len() >= MOST_KINDS {
                return Verdict::Log;
            }
        }
        self.windows.insert(kind, Window { since: now, lines: 1, line: line() });
        Verdict::Log
    }

    /// Ends the windows that are over, or all: returns each that folded lines, with their number.
    pub(super) fn end(&mut self, now: Instant, all: bool) -> Vec<(L, u32)> {
        let over = self.windows.extract_if(|_, window| all || window.is_over(now));
        over.map(|(_, window)| (window.folded(), window.line))
            .filter(|(folded, _)| *folded > 0)
            .map(|(folded, line)| (line, folded))
            .collect()
    }

    /// When the next window that folded lines is over.
    pub(super) fn next_end(&self) -> Option<Instant> {
        let folding = self.windows.values().filter(|window| window.folded() > 0);
        folding.map(|window| window.since + WINDOW).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_of_a_kind_are_logged_and_the_rest_is_counted_within_each_window() {
        let (mut floods, began) = (Floods::default(), Instant::now());
        let mut count = |seconds, kind| {
            floods.count(kind, began + Duration::from_millis(seconds), || format!("kind {kind}"))
        };
        let verdicts: Vec<_> = (0..8).map(|at| count(at * 100, 1)).collect();
        assert_eq!(verdicts[..5], [Verdict::Log; 5]);
        assert_eq!(verdicts[5..], [Verdict::FoldFirst, Verdict::Fold, Verdict::Fold]);
        assert_eq!(count(900, 2), Verdict::Log, "another kind has its own window");
        assert_eq!(floods.next_end(), Some(began + WINDOW), "of the kind that floods");
        assert_eq!(floods.end(began + WINDOW / 2, false), []);
        assert_eq!(floods.end(began + WINDOW, false), [("kind 1".to_owned(), 3)]);
        assert_eq!((floods.next_end(), floods.windows.len()), (None, 1), "the other is not over");
        let now = began + WINDOW + Duration::from_secs(1);
        assert_eq!(floods.count(1, now, String::new), Verdict::Log, "a new window");
    }

    #[test]
    fn what_a_window_folded_is_reported_even_if_lines_keep_coming() {
        let (mut floods, began) = (Floods::default(), Instant::now());
        for at in 0..100 {
            floods.count("kind", began + Duration::from_secs(at), || ());
        }
        assert_eq!(floods.end(began + WINDOW * 2, false), [((), 95)]);
        assert_eq!(floods.end(began + WINDOW * 3, false), []);
    }

    #[test]
    fn a_stop_reports_what_was_folded_up_to_then() {
        let (mut floods, began) = (Floods::default(), Instant::now());
        for _ in 0..7 {
            floods.count("kind", began, || "line");
        }
        assert_eq!(floods.end(began, true), [("line", 2)]);
    }

    #[test]
    fn kinds_without_end_take_no_memory_without_end() {
        let (mut floods, began) = (Floods::default(), Instant::now());
        for kind in 0..10_000 {
            assert_eq!(floods.count(kind, began, || ()), Verdict::Log);
        }
        assert_eq!(floods.windows.len(), MOST_KINDS);
        floods.count(0, began + WINDOW, || ());
        floods.count(20_000, began + WINDOW, || ());
        assert!(floods.windows.len() <= 2, "those that are over make room");
    }
}
