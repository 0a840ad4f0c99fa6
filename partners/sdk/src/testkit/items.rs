//! Cases that break the items of a feed one by one: a bad item must not affect the others.

use serde_json::{Value, json};

use super::conformance::FeedFixture;
use super::harness::{Harness, SyncFailure, Synced};
use super::mutate;
use super::report::Report;
use super::server::Canned;
use crate::Feed;

pub(super) const GARBAGE_TEXT: &str = "conformance-garbage-3f9a17";

/// Stands for one half of a surrogate pair, as a program leaves it that cuts texts to a length.
pub(super) const HALF_EMOJI: &str = "conformance-half-emoji-8e51d0";

/// What is put at the end of each text of an item, with the name of its case. An id is a text in most
/// answers; the daemon refuses the record if it is one that cannot be kept.
const DAMAGES: [(&str, &str); 2] = [
    ("half an emoji in a text costs that item only", HALF_EMOJI),
    ("a text with a NUL, and far too long, costs that item only", TOO_LONG),
];

/// Stands for a NUL and a text that is longer than any id or name that is kept.
const TOO_LONG: &str = "conformance-too-long-1c77e3";

/// The first failure of each case.
#[derive(Default)]
struct Outcome {
    garbage: Option<String>,
    broken_field: Option<String>,
    damages: [Option<String>; DAMAGES.len()],
    reason: Option<String>,
}

pub(super) async fn run(
    harness: &Harness,
    feed: &'static Feed,
    fixture: &FeedFixture,
    pages: &[Value],
    report: &mut Report,
) {
    harness.tell(GARBAGE_TEXT);
    let mut outcome = Outcome::default();
    let mut tried = 0;
    for (page_index, page) in pages.iter().enumerate() {
        let pointer = fixture.items_at.clone().or_else(|| mutate::find_items(page));
        let items = pointer.as_deref().and_then(|pointer| page.pointer(pointer)?.as_array());
        let (Some(pointer), Some(items)) = (&pointer, items) else { continue };
        for (index, item) in items.iter().enumerate() {
            tried += 1;
            let place = ItemContext { harness, feed, pages, page_index, pointer, index };
            try_item(&place, item, &mut outcome).await;
        }
    }
    let none = || "no list of objects was found in the fixture: name it with `items_at`".to_owned();
    let garbage = if tried == 0 { Some(none()) } else { outcome.garbage };
    let result = |failure: Option<String>| failure.map_or(Ok(()), Err);
    report.case(feed.name, "garbage in place of an item costs that item only", result(garbage));
    report.case(feed.name, "a broken field costs that item only", result(outcome.broken_field));
    for ((name, _), failure) in DAMAGES.iter().zip(outcome.damages) {
        report.case(feed.name, name, result(failure));
    }
    report.case(feed.name, "reasons of refusals hold no values", result(outcome.reason));
}

/// The position of an item.
struct ItemContext<'run> {
    harness: &'run Harness,
    feed: &'static Feed,
    pages: &'run [Value],
    page_index: usize,
    pointer: &'run str,
    index: usize,
}

impl ItemContext<'_> {
    /// Syncs the pages with the item replaced or removed.
    async fn sync_with(&self, replacement: Option<Value>) -> Result<Synced, String> {
        let mut pages = self.pages.to_vec();
        let page = pages.get_mut(self.page_index).and_then(|page| page.pointer_mut(self.pointer));
        if let Some(items) = page.and_then(Value::as_array_mut) {
            match (replacement, items.get_mut(self.index)) {
                (Some(replacement), Some(item)) => *item = replacement,
                _ => drop(items.remove(self.index)),
            }
        }
        let answers = pages.iter().map(|page| Canned::json(200, halved(page))).collect();
        let synced = self.harness.sync(self.feed, None, answers).await;
        synced.map_err(SyncFailure::message)
    }

    fn name(&self) -> String {
        format!("item {} of page {}", self.index + 1, self.page_index + 1)
    }
}

async fn try_item(place: &ItemContext<'_>, item: &Value, outcome: &mut Outcome) {
    let without = match place.sync_with(None).await {
        Ok(synced) => synced,
        Err(message) => {
            let message = format!("without {}: {message}", place.name());
            outcome.garbage.get_or_insert(message);
            return;
        }
    };
    for garbage in [json!(GARBAGE_TEXT), json!({}), json!(null), json!(17), json!([[]])] {
        let what = || format!("{} replaced by {garbage}", place.name());
        match place.sync_with(Some(garbage.clone())).await {
            Err(message) => drop(outcome.garbage.get_or_insert(format!("{}: {message}", what()))),
            Ok(synced) => {
                if synced.records != without.records || synced.deleted != without.deleted {
                    outcome.garbage.get_or_insert(format!("{}: its neighbours changed", what()));
                }
                check_reasons(place, &synced, outcome);
            }
        }
    }
    for ((_, damage), failure) in DAMAGES.iter().zip(&mut outcome.damages) {
        try_damage(place, item, &without, damage, failure).await;
    }
    for leaf in mutate::leaves(item) {
        for broken in [json!(GARBAGE_TEXT), json!(null), json!({}), json!(i64::MAX), json!(-1e300)]
        {
            let mut changed = item.clone();
            if let Some(field) = changed.pointer_mut(&leaf) {
                *field = broken.clone();
            }
            let what = || format!("{} with {leaf} replaced by {broken}", place.name());
            match place.sync_with(Some(changed)).await {
                Err(message) => {
                    outcome.broken_field.get_or_insert(format!("{}: {message}", what()));
                }
                Ok(synced) => {
                    if let Some(lost) = lost(&without, &synced) {
                        outcome.broken_field.get_or_insert(format!("{}: lost {lost}", what()));
                    }
                    check_reasons(place, &synced, outcome);
                }
            }
        }
    }
}

/// Puts that at the end of each text of an item, one after the other.
async fn try_damage(
    place: &ItemContext<'_>,
    item: &Value,
    without: &Synced,
    damage: &str,
    first_failure: &mut Option<String>,
) {
    for leaf in mutate::leaves(item) {
        let mut changed = item.clone();
        match changed.pointer_mut(&leaf) {
            Some(Value::String(text)) => text.push_str(damage),
            _ => continue,
        }
        let failure = match place.sync_with(Some(changed)).await {
            Err(message) => Some(message),
            Ok(synced) => lost(without, &synced).map(|lost| format!("lost {lost}")),
        };
        if let Some(failure) = failure {
            first_failure.get_or_insert(format!("{}, {leaf}: {failure}", place.name()));
        }
    }
}

/// The page as JSON, with what its placeholders stand for. No JSON value can hold half an emoji.
pub(super) fn halved(page: &Value) -> String {
    let too_long = format!("\\u0000{}", "x".repeat(2_000));
    page.to_string().replace(HALF_EMOJI, "\\ud83c").replace(TOO_LONG, &too_long)
}

/// Finds a record of the other items that did not come or is reported as deleted.
fn lost<'run>(neighbours: &'run Synced, synced: &Synced) -> Option<&'run Value> {
    let said_gone =
        |id: &Value| id.as_str().is_some_and(|id| synced.deleted.iter().any(|it| it == id));
    neighbours.records.iter().find(|record| {
        let gone = said_gone(&record["source_id"]) || said_gone(&record["group"]);
        gone || !synced.records.contains(record)
    })
}

fn check_reasons(place: &ItemContext<'_>, synced: &Synced, outcome: &mut Outcome) {
    for refused in &synced.refused {
        if let Err(message) = place.harness.check_text(&refused.reason) {
            outcome.reason.get_or_insert(message);
        }
    }
}
