//! The row of a partner in `partners/README.md`.

use crate::{Kind, Manifest, Update, Writable};

/// Returns the start of this partner's row in the table of `partners/README.md`, for a test that
/// keeps the table up to date.
pub fn readme_row(manifest: &Manifest) -> String {
    let polls = manifest.poll_kinds().into_iter().map(|kind| kind.name().to_owned()).collect();
    let pushes = manifest.push.iter().flat_map(pushes).collect();
    let (polls, pushes) = (list(polls), list(pushes));
    format!("| {} | {polls} | {pushes} | {} |", manifest.title, looks_back(manifest))
}

/// How many days each poll reads again, and a wide look, for each feed that differs from the others.
fn looks_back(manifest: &Manifest) -> String {
    let days = |span: std::time::Duration| span.as_secs() / (24 * 60 * 60);
    let mut widths: Vec<String> = Vec::new();
    for feed in manifest.feeds {
        let width = format!("{}, {}", days(feed.trailing), days(feed.wide));
        if !widths.contains(&width) {
            widths.push(width);
        }
    }
    widths.join("; ")
}

fn list(entries: Vec<String>) -> String {
    if entries.is_empty() { "–".to_owned() } else { entries.join(", ") }
}

/// The kinds, each with the actions that cannot be pushed.
fn pushes(writable: &Writable) -> impl Iterator<Item = String> {
    let limit = match (writable.update, writable.delete) {
        (Update::InPlace | Update::Replace, true) => "",
        (Update::InPlace | Update::Replace, false) => " (no deletion)",
        (Update::Never, true) => " (no change)",
        (Update::Never, false) => " (create only)",
    };
    writable.kinds.iter().map(move |kind: &Kind| format!("{}{limit}", kind.name()))
}
