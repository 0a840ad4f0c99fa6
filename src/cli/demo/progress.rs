//! Counts what the change feed reports.

use serde_json::Value;

use super::figures::Counted;
use super::host_app::HostApp;
use super::page::Board;
use super::words::{kind, partner, source, text};

/// How many changes are shown one by one; the rest is shown as a number.
const SHOWN: usize = 3;

/// Reads the change feed, for the terminal and for the page.
pub(super) struct Progress<'a> {
    board: &'a Board,
    cursor: Option<String>,
    created: Counted,
}

/// What the feed reported since the last look.
pub(super) struct News {
    /// How many changes.
    pub(super) count: usize,
    /// The first of them in words.
    pub(super) lines: Vec<String>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(board: &'a Board) -> Self {
        Self { board, cursor: None, created: Counted::default() }
    }

    /// Reads the change feed further. If there is nothing new, waits for it, at most for that time.
    pub(super) async fn follow(&mut self, host_app: &HostApp, wait: &str) -> anyhow::Result<News> {
        let mut news = News { count: 0, lines: Vec::new() };
        loop {
            let after =
                self.cursor.as_ref().map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
            let path = format!("/v1/changes?only=records&limit=1000&wait={wait}{after}");
            let page = host_app.get(&path).await?;
            let changes =
                page.get("changes").and_then(Value::as_array).cloned().unwrap_or_default();
            for change in &changes {
                self.cursor = text(change, "/cursor").map(str::to_owned).or(self.cursor.take());
                if text(change, "/change") == Some("created") {
                    let source = (partner(change).to_owned(), kind(change).to_owned());
                    *self.created.entry(source).or_default() += 1;
                }
                self.board.take(change);
                news.count += 1;
                if news.lines.len() < SHOWN {
                    news.lines.push(describe(change));
                }
            }
            if page.get("next_cursor").is_none_or(Value::is_null) {
                break;
            }
        }
        if news.count > 0 {
            self.board.notify();
        }
        let more = news.count.saturating_sub(SHOWN);
        if more > 0 {
            news.lines.push(format!("… and {more} more"));
        }
        Ok(news)
    }

    pub(super) fn records(&self) -> usize {
        self.created.values().sum()
    }

    /// How many records of each kind came from each partner.
    pub(super) fn counted(&self) -> &Counted {
        &self.created
    }
}

fn describe(change: &Value) -> String {
    let person = text(change, "/record/user_id").unwrap_or_default();
    let source = source(change);
    let happened = match text(change, "/change").unwrap_or_default() {
        "created" => "new",
        "updated" => "changed",
        other => other,
    };
    let value = change.pointer("/record/measurement/value").map(Value::to_string);
    let unit = text(change, "/record/measurement/unit").unwrap_or_default();
    let value = value.map_or_else(String::new, |value| format!(" {value} {unit}"));
    format!("{person}: {}{value}, {happened}, from {source}", kind(change).replace('_', " "))
}
