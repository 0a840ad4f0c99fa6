//! Cases of what partners do now and then: pages without an end, damaged texts of single items.

use serde_json::Value;

use super::harness::Harness;
use super::items::{HALF_EMOJI, halved};
use super::mutate;
use super::server::{Canned, Details};
use crate::{Feed, Page, PageGuard};

/// More calls than this are no look-up of a few days.
pub(super) const MOST_CALLS: usize = 50;

/// More answers than the daemon reads of a list without an end.
const ANSWERS: usize = 400;

/// Gives the first page again and again, as a partner does whose pages lead in a circle. It is the
/// daemon that ends the feed, so one poll must read one page.
pub(super) async fn ends(
    harness: &Harness,
    feed: &'static Feed,
    first_page: &str,
) -> Result<(), String> {
    harness.server.prepare(vec![Canned::json(200, first_page); ANSWERS]);
    let (mut guard, mut next) = (PageGuard::default(), None);
    loop {
        let polled = harness.poll(feed, None, next.take()).await?;
        if harness.server.asked_beyond() {
            return Err(format!("it made more than {ANSWERS} calls: read one page in each poll"));
        }
        let page: Page = match polled {
            Ok(page) => page,
            Err(error) => return harness.check_text(&error.to_string()),
        };
        if guard.note(&page).is_err() || page.next_page.is_none() {
            return Ok(());
        }
        next = page.next_page;
    }
}

/// Copies of a page of which each names another next page, or carries another id.
pub(super) fn pages_without_end(page: &Value) -> Vec<Canned> {
    let items = mutate::find_items(page).unwrap_or_default();
    let texts = |page: &Value| {
        let leaves = mutate::leaves(page).into_iter();
        leaves.filter(|leaf| !leaf.starts_with(&items)).collect::<Vec<_>>()
    };
    let leaves = if items.is_empty() { Vec::new() } else { texts(page) };
    let numbered = |number: usize| {
        let mut page = page.clone();
        for leaf in &leaves {
            if let Some(Value::String(text)) = page.pointer_mut(leaf)
                && !text.is_empty()
            {
                text.push_str(&number.to_string());
            }
        }
        Canned::json(200, page.to_string())
    };
    (0..=MOST_CALLS).map(numbered).collect()
}

/// Puts half an emoji into each text of the single items that a partner fetches one by one.
pub(super) async fn half_emoji_in_details(
    harness: &Harness,
    feed: &'static Feed,
    pages: &[Value],
    details: &Details,
) -> Result<(), String> {
    for (index, (path, answer)) in details.items.iter().enumerate() {
        let Ok(item) = serde_json::from_str::<Value>(&answer.body_text()) else { continue };
        for leaf in mutate::leaves(&item) {
            let mut changed = item.clone();
            match changed.pointer_mut(&leaf) {
                Some(Value::String(text)) => text.push_str(HALF_EMOJI),
                _ => continue,
            }
            let mut details = details.clone();
            if let Some((_, answer)) = details.items.get_mut(index) {
                *answer = answer.with_body(&halved(&changed));
            }
            harness.server.set_details(details);
            let answers = pages.iter().map(|page| Canned::json(200, page.to_string())).collect();
            let synced = harness.sync(feed, None, answers).await;
            synced.map_err(|failure| format!("{path}, {leaf}: {}", failure.message()))?;
        }
    }
    Ok(())
}
