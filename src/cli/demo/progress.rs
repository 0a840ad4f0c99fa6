//! Counts what the change feed reports.

use std::collections::BTreeMap;

use serde_json::Value;

use super::host_app::HostApp;

/// How many changes are shown one by one; the rest is shown as a number.
const SHOWN: usize = 3;

#[derive(Default)]
pub(super) struct Progress {
    cursor: Option<String>,
    created: BTreeMap<String, usize>,
}

impl Progress {
    /// Reads the change feed further. Returns the new changes in words.
    pub(super) async fn follow(&mut self, host_app: &HostApp) -> anyhow::Result<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let after =
                self.cursor.as_ref().map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
            let page = host_app.get(&format!("/v1/changes?only=records&limit=1000{after}")).await?;
            let changes =
                page.get("changes").and_then(Value::as_array).cloned().unwrap_or_default();
            for change in &changes {
                self.cursor = text(change, "/cursor").map(str::to_owned).or(self.cursor.take());
                if text(change, "/change") == Some("created") {
                    *self.created.entry(what(change).to_owned()).or_default() += 1;
                }
                lines.push(describe(change));
            }
            if page.get("next_cursor").is_none_or(Value::is_null) {
                break;
            }
        }
        let more = lines.len().saturating_sub(SHOWN);
        lines.truncate(SHOWN);
        if more > 0 {
            lines.push(format!("… and {more} more"));
        }
        Ok(lines)
    }

    pub(super) fn records(&self) -> usize {
        self.created.values().sum()
    }

    pub(super) fn by_kind(&self) -> impl Iterator<Item = (&String, &usize)> {
        self.created.iter()
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

fn what(change: &Value) -> &str {
    text(change, "/record/measurement/type")
        .or_else(|| text(change, "/record/kind"))
        .unwrap_or("record")
}

fn describe(change: &Value) -> String {
    let person = text(change, "/record/user_id").unwrap_or_default();
    let partner = text(change, "/record/source/partner").unwrap_or("the host app");
    let happened = text(change, "/change").unwrap_or("changed");
    format!("{person}: {} {happened}, from {partner}", what(change))
}
