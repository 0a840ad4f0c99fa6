//! The row of a partner in `partners/README.md`.

use crate::{Kind, Manifest, Update, Writable};

/// Returns the start of this partner's row in the table of `partners/README.md`, for a test that
/// keeps the table up to date.
pub fn readme_row(manifest: &Manifest) -> String {
    let polls = manifest.poll_kinds().into_iter().map(|kind| kind.name().to_owned()).collect();
    let pushes = manifest.push.iter().flat_map(pushes).collect();
    format!("| {} | {} | {} |", manifest.title, list(polls), list(pushes))
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
