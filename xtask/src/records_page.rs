//! `docs/records.md`: what records hold, from the tables that the daemon checks them by.

use std::fs;
use std::path::PathBuf;

use partner_sdk::{Activity, Meal, MeasurementType};
use syncwell::model::ExerciseEnergy;
use syncwell::sync::bounds::{EXERCISE, Field, NUTRITION, human_range};
use syncwell::sync::rules;

use crate::root;

const NAME: &str = "docs/records.md";

fn path() -> PathBuf {
    root().join(NAME)
}

/// Writes the page.
pub(crate) fn rewrite() -> Result<(), String> {
    let path = path();
    fs::create_dir_all(path.with_file_name(""))
        .and_then(|()| fs::write(&path, page()))
        .map_err(|error| format!("{NAME}: {error}"))
}

/// Fails when the page is not up to date.
pub(crate) fn check() -> Result<(), String> {
    let old = fs::read_to_string(path()).map_err(|error| format!("{NAME}: {error}"))?;
    if old == page() {
        return Ok(());
    }
    Err(format!("{NAME} is stale; `cargo xtask records-page` mends it"))
}

fn page() -> String {
    let mut page = String::from(
        "# Records\n\n\
         Made from the code by `cargo xtask records-page`; change it there. `GET /v1/kinds` returns the same from a \
         running daemon, and `/openapi.json` has the schemas. Units are [UCUM](https://ucum.org) codes.\n\n\
         ## Measurements\n\n\
         A measurement has a `type`, a `value` and the `unit` of its type. Send the value in that unit; the unit \
         itself may be left out, and no other is accepted.\n\n\
         | type | unit | from | to | what it is |\n|---|---|---|---|---|\n",
    );
    for of in MeasurementType::ALL {
        let range = human_range(*of);
        let (low, high) = (range.start(), range.end());
        page.push_str(&row(&[
            &code(of.name()),
            &code(of.unit()),
            &low.to_string(),
            &high.to_string(),
            of.about(),
        ]));
    }
    page.push_str(
        "\n## Exercises\n\n\
         An exercise has an `activity`, optionally your own name for it (`activity_original`), and these numbers, all \
         optional:\n\n",
    );
    page.push_str(&fields(EXERCISE));
    page.push_str("\n| activity | what it is |\n|---|---|\n");
    for of in Activity::ALL {
        page.push_str(&row(&[&code(of.name()), of.about()]));
    }
    page.push_str(
        "\n## Nutrition\n\n\
         A nutrition entry has a `meal` (`other` if it is left out), optionally the `name` of what was eaten, and \
         these numbers, of which only the energy is required:\n\n",
    );
    page.push_str(&fields(NUTRITION));
    page.push_str("\n| meal | what it is |\n|---|---|\n");
    for of in Meal::ALL {
        page.push_str(&row(&[&code(of.name()), of.about()]));
    }
    page.push_str("\n## When a record is refused\n\n");
    for rule in rules::all() {
        page.push_str(&format!("- {rule}\n"));
    }
    let setting = |of: &ExerciseEnergy| format!("- {}\n", rules::of_energy(*of));
    page.extend(ExerciseEnergy::ALL.iter().map(setting));
    page.push_str(
        "\nWhat you send is refused with 422: nothing of that request is stored, and `errors` lists every wrong value \
         with its place. A partner's record that is refused is counted and named in the timeline \
         (`GET /v1/users/{user}/syncs`); the others of its page are kept.\n",
    );
    page
}

fn fields(fields: &[Field]) -> String {
    let mut table =
        String::from("| field | unit | from | to | what it is |\n|---|---|---|---|---|\n");
    for field in fields {
        let range = field.range();
        let (low, high) = (range.start().to_string(), range.end().to_string());
        table.push_str(&row(&[&code(field.name), &code(field.unit), &low, &high, field.about]));
    }
    table
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn row(cells: &[&str]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_records_is_up_to_date() {
        if let Err(reason) = check() {
            panic!("{reason}");
        }
    }

    #[test]
    fn the_page_names_everything() {
        let page = page();
        for word in ["`spo2`", "`mm[Hg]`", "`ice_hockey`", "`water_ml`", "`snack`", "14 days"] {
            assert!(page.contains(word), "{word}");
        }
    }
}
