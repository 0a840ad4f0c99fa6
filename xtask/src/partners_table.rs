//! The table of partners in `partners/README.md`: the contents of the manifests, and the amount of
//! code.

use std::fs;
use std::path::PathBuf;

use partner_sdk::testkit::readme_row;

use crate::{code_lines, root};

/// The line above the rows.
const HEAD: &str = "| partner | polls | pushes | days read again: each poll, wide look | lines of Rust |\n|---|---|---|---|---|\n";

fn readme() -> PathBuf {
    root().join("partners/README.md")
}

/// Rewrites the table.
pub(crate) fn rewrite() -> Result<(), String> {
    let (old, new) = old_and_new()?;
    if old == new {
        println!("partners/README.md is up to date");
        return Ok(());
    }
    fs::write(readme(), &new).map_err(|error| format!("partners/README.md: {error}"))?;
    println!("{}", difference(&old, &new));
    Ok(())
}

/// Fails when the table is not up to date.
pub(crate) fn check() -> Result<(), String> {
    let (old, new) = old_and_new()?;
    if old == new {
        return Ok(());
    }
    let difference = difference(&old, &new);
    Err(format!(
        "the table in partners/README.md is stale; `cargo xtask partners-table` mends it:\n{difference}"
    ))
}

fn old_and_new() -> Result<(String, String), String> {
    let old =
        fs::read_to_string(readme()).map_err(|error| format!("partners/README.md: {error}"))?;
    let new = with_rows(&old, &rows()?)?;
    Ok((old, new))
}

/// Returns a row for each partner of the catalog, sorted by title.
fn rows() -> Result<Vec<String>, String> {
    let mut rows = Vec::new();
    for partner in syncwell::partners::catalog() {
        let manifest = partner.manifest();
        let folder = root().join("partners").join(manifest.name).join("src");
        let lines = code_lines::of_folder(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        // To the nearest ten, so that not every small change also changes the page.
        let about = (lines + 5) / 10 * 10;
        rows.push(format!("{} about {about} |", readme_row(manifest)));
    }
    rows.sort();
    Ok(rows)
}

/// Replaces the rows of the table in the page.
fn with_rows(page: &str, rows: &[String]) -> Result<String, String> {
    let (before, after) = page
        .split_once(HEAD)
        .ok_or_else(|| format!("partners/README.md has no table that begins with\n{HEAD}"))?;
    let rest = after.lines().skip_while(|line| line.starts_with('|'));
    let rows = rows.iter().map(String::as_str);
    let lines: Vec<&str> = rows.chain(rest).collect();
    Ok(format!("{before}{HEAD}{}\n", lines.join("\n")))
}

/// The lines from the first to the last that differ, old ones with `-` and new ones with `+`.
fn difference(old: &str, new: &str) -> String {
    let (mut old, mut new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    for _ in 0..2 {
        let same = old.iter().zip(&new).take_while(|(left, right)| left == right).count();
        old.drain(..same);
        new.drain(..same);
        old.reverse();
        new.reverse();
    }
    let old = old.into_iter().map(|line| format!("- {line}"));
    old.chain(new.into_iter().map(|line| format!("+ {line}"))).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_partners_is_up_to_date() {
        if let Err(reason) = check() {
            panic!("{reason}");
        }
    }

    #[test]
    fn rows_are_replaced_and_nothing_else() {
        let page = format!(
            "# Title\n\n{HEAD}| Old | a | – | 1, 2 | about 10 |\n| Gone | b | – | 1, 2 | 1 |\n\nText | with | bars\n| x |\n"
        );
        let rows = ["| New | a, b | – | 1, 2 | about 20 |".to_owned()];
        let expected = format!("# Title\n\n{HEAD}{}\n\nText | with | bars\n| x |\n", rows[0]);
        assert_eq!(with_rows(&page, &rows).unwrap(), expected);
        assert_eq!(with_rows(&expected, &rows).unwrap(), expected);
        let shown = difference(&page, &expected);
        assert!(shown.contains("- | Old | a") && shown.contains("+ | New | a, b"), "{shown}");
        assert!(!shown.contains("Title"), "{shown}");
        assert!(with_rows("# Title\n", &rows).is_err());
        assert_eq!(difference("a\nb\nc\nd", "a\nc\nb\nd"), "- b\n- c\n+ c\n+ b", "another order");
        assert_eq!(difference("a\na", "a\na\na"), "+ a");
    }

    #[test]
    fn every_partner_of_the_catalog_has_a_row() {
        let rows = rows().unwrap();
        assert_eq!(rows.len(), syncwell::partners::catalog().len());
        assert!(rows.iter().all(|row| row.starts_with("| ") && row.ends_with("0 |")), "{rows:?}");
    }
}
