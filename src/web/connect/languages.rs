//! The languages of the pages that end users see. One file a language, in `languages/`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use partner_sdk::Kind;
use serde::Deserialize;

/// The files. The first is for whoever reads none of them.
const FILES: &[&str] = &[include_str!("languages/en.toml"), include_str!("languages/sv.toml")];

/// Defines the texts, so that code names each by its field and no file can lack one.
macro_rules! texts {
    ($($name:ident)*) => {
        /// What stands in a file.
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(in crate::web) struct Texts {
            code: String,
            name: String,
            months: Vec<String>,
            groups: BTreeMap<String, String>,
            kinds: BTreeMap<String, String>,
            units: BTreeMap<String, String>,
            $(pub(in crate::web) $name: String,)*
        }
    };
}

texts! {
    decimal the_app the_app_begins last_two date date_with_year
    just_now a_minute_ago minutes_ago an_hour_ago hours_ago a_day_ago days_ago
    services lead for_account needs_you connected connect_first connect_more gone nothing_to_connect foot back privacy
    is_connected is_failing needs_reconnecting service_ended refused_since refused ended failing_since
    newest newest_is_old nothing_yet first_on_its_way looked
    shared_both shared_in shared_out shared_nothing offers_both_ways offers_in offers_both
    reconnect connect connect_named not_now not_answering opens_tab
    choose from_partner to_partner takes_nothing gives_nothing from_now_on not_allowed save saved not_done
    disconnect disconnect_question disconnect_means keep data_stays disconnected disconnected_here
    connected_now connected_kinds connected_plainly can_close almost app_confirms nothing_connected denied did_not_answer
    not_your_fault not_connected went_wrong try_again moment starting
    run_out run_out_because used_or_late other_browser other_browser_because no_page no_page_because
    stale_form stale_form_because to_services not_at_once not_at_once_because
}

impl Texts {
    /// The word in addresses and in `lang`.
    pub(in crate::web) fn code(&self) -> &str {
        &self.code
    }

    /// Its name in itself.
    pub(in crate::web) fn name(&self) -> &str {
        &self.name
    }

    /// A month, from 0.
    pub(super) fn month(&self, month: u32) -> &str {
        let place = usize::try_from(month).unwrap_or_default();
        self.months.get(place).map(String::as_str).unwrap_or_default()
    }

    /// Several kinds in one word.
    pub(super) fn group<'a>(&'a self, name: &'a str) -> &'a str {
        self.groups.get(name).map_or(name, String::as_str)
    }

    /// A kind.
    pub(super) fn kind(&self, kind: Kind) -> &str {
        self.kinds.get(kind.name()).map_or(kind.name(), String::as_str)
    }

    /// A unit, by its UCUM code.
    pub(super) fn unit<'a>(&'a self, code: &'a str) -> &'a str {
        self.units.get(code).map_or(code, String::as_str)
    }

    /// Joins words: "a, b and c".
    pub(super) fn list(&self, words: &[String]) -> String {
        match words {
            [] => String::new(),
            [one] => one.clone(),
            [several @ .., last] => {
                let first = several.join(", ");
                fill(&self.last_two, &[("first", first.as_str()), ("second", last.as_str())])
            }
        }
    }
}

/// Every language.
pub(in crate::web) fn all() -> &'static [Texts] {
    static ALL: LazyLock<Vec<Texts>> = LazyLock::new(|| {
        // A test reads each.
        FILES.iter().filter_map(|file| toml::from_str(file).ok()).collect()
    });
    &ALL
}

/// The language of this code.
pub(in crate::web) fn of_code(code: &str) -> Option<&'static Texts> {
    all().iter().find(|texts| texts.code == code)
}

/// The language that the header `Accept-Language` prefers (RFC 9110 §12.5.4) of those that there are.
pub(in crate::web) fn preferred(header: &str) -> &'static Texts {
    static NONE: LazyLock<Texts> = LazyLock::new(Texts::default);
    let mut best: Option<(&'static Texts, f32)> = None;
    for wanted in header.split(',') {
        let mut parts = wanted.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.trim().parse().ok());
        let weight = weight.unwrap_or(1.0_f32);
        let code = tag.split('-').next().unwrap_or_default();
        if let Some(texts) = of_code(code)
            && weight > best.map_or(0.0, |(_, weight)| weight)
        {
            best = Some((texts, weight));
        }
    }
    best.map(|(texts, _)| texts).or_else(|| all().first()).unwrap_or(&NONE)
}

/// Puts values in the place of their names in braces. What was put in is not read again.
pub(in crate::web) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, after)) = after.split_once('}') else { break };
        let value = values.iter().find(|(known, _)| *known == name);
        filled.push_str(value.map_or(name, |(_, value)| value));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// The text with a capital at its beginning.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().collect::<String>());
    first.unwrap_or_default() + letters.as_str()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The path and text of every text in a file.
    fn texts(path: &str, value: &toml::Value, found: &mut BTreeMap<String, String>) {
        match value {
            toml::Value::Table(table) => {
                for (name, value) in table {
                    texts(&format!("{path}.{name}"), value, found);
                }
            }
            toml::Value::Array(list) => {
                for (place, value) in list.iter().enumerate() {
                    texts(&format!("{path}.{place}"), value, found);
                }
            }
            other => drop(found.insert(path.to_owned(), other.as_str().unwrap().to_owned())),
        }
    }

    fn names_in(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect()
    }

    #[test]
    fn every_language_has_every_text_with_the_same_names_in_it() {
        let mut files = Vec::new();
        for file in FILES {
            let mut found = BTreeMap::new();
            texts("", &toml::from_str(file).unwrap(), &mut found);
            toml::from_str::<Texts>(file).unwrap();
            files.push(found);
        }
        let english = files[0].clone();
        assert!(english.len() > 100, "{}", english.len());
        for found in files {
            assert_eq!(found.keys().collect::<Vec<_>>(), english.keys().collect::<Vec<_>>());
            for (path, text) in &found {
                assert!(!text.trim().is_empty(), "{path}");
                assert_eq!(names_in(text), names_in(&english[path]), "{path}: {text}");
            }
        }
        assert_eq!(all().len(), FILES.len());
        for texts in all() {
            assert_eq!(texts.months.len(), 12);
            for kind in Kind::all() {
                assert!(texts.kinds.contains_key(kind.name()), "{} lacks {kind}", texts.code);
            }
            for kind in partner_sdk::MeasurementType::ALL {
                assert!(
                    texts.units.contains_key(kind.unit()),
                    "{} lacks {}",
                    texts.code,
                    kind.unit()
                );
            }
        }
    }

    #[test]
    fn every_file_is_in_the_list() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/connect/languages");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), FILES.len());
    }

    #[test]
    fn the_browsers_language_is_taken_if_there_is_one() {
        for (header, code) in [
            ("", "en"),
            ("sv", "sv"),
            ("sv-SE,sv;q=0.9,en;q=0.8", "sv"),
            ("de-AT, de;q=0.9, en;q=0.5, sv;q=0.6", "sv"),
            ("fi,en-GB;q=0.7,sv;q=0.3", "en"),
            ("de;q=1", "en"),
            ("sv;q=0, en;q=0.1", "en"),
            ("*", "en"),
            ("sv;q=x", "sv"),
        ] {
            assert_eq!(preferred(header).code(), code, "{header}");
        }
    }

    #[test]
    fn what_is_put_in_is_not_read_again() {
        let values = [("app", "{partner}"), ("partner", "Withings")];
        assert_eq!(fill("{app} and {partner}, {n}", &values), "{partner} and Withings, n");
        let english = of_code("en").unwrap();
        let words = |count: usize| ["a", "b", "c"][..count].iter().map(|it| (*it).to_owned());
        for (count, joined) in [(0, ""), (1, "a"), (2, "a and b"), (3, "a, b and c")] {
            assert_eq!(english.list(&words(count).collect::<Vec<_>>()), joined);
        }
        assert_eq!((capital("överarm"), capital("")), ("Överarm".to_owned(), String::new()));
    }
}
