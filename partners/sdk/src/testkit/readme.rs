//! The row of a partner in `partners/README.md`.

use crate::{Kind, Manifest};

/// How the row of this partner in the table of `partners/README.md` begins, for a test that keeps
/// the two together.
pub fn readme_row(manifest: &Manifest) -> String {
    let list = |kinds: &[Kind]| match kinds {
        [] => "–".to_owned(),
        kinds => kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", "),
    };
    let (polls, pushes) = (list(&manifest.poll_kinds()), list(&manifest.push_kinds()));
    format!("| {} | {polls} | {pushes} |", manifest.title)
}
