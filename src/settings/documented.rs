//! What each setting means: the comments of `config/default.toml`, which is the only place where that is
//! written for people.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::known;

/// Every key with its default, for people.
const REFERENCE: &str = include_str!("../../config/default.toml");

/// The name that stands for a partner's in keys.
pub(super) const ANY_PARTNER: &str = "NAME";

/// Comments after the values of a partner's keys go on from here.
const CONTINUED: &str = "          ";

/// The texts by `section.key`, and those of whole sections by their names.
type Texts = BTreeMap<String, String>;

/// What a setting or a section means; keys of partners are those of any partner.
pub fn meaning(key: &str) -> &'static str {
    static TEXTS: OnceLock<Texts> = OnceLock::new();
    let texts = TEXTS.get_or_init(|| read(REFERENCE));
    texts.get(&of_any_partner(key)).map(String::as_str).unwrap_or_default()
}

/// `partners.withings.limits` as `partners.NAME.limits`.
pub(super) fn of_any_partner(key: &str) -> String {
    match key.strip_prefix("partners.").and_then(|rest| rest.split_once('.')) {
        Some((_, own)) => format!("partners.{ANY_PARTNER}.{own}"),
        None => key.to_owned(),
    }
}

fn read(reference: &str) -> Texts {
    let known = known::keys(ANY_PARTNER);
    let mut texts = Texts::new();
    let (mut section, mut gathered, mut last) = (String::new(), Vec::new(), String::new());
    let full = |section: &str, name: &str| match section {
        "" => name.to_owned(),
        section => format!("{section}.{name}"),
    };
    for line in reference.lines() {
        let text = line.strip_prefix('#').unwrap_or(line);
        let is_comment = text.len() < line.len();
        // What is not set by default stands in a comment.
        let content = text.strip_prefix(' ').unwrap_or(text);
        if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = match name.starts_with("partners.") {
                true => format!("partners.{ANY_PARTNER}"),
                false => name.to_owned(),
            };
            if is_comment {
                // Before the only section that is a comment stands what it is about.
                texts.insert(section.clone(), gathered.join(" "));
            }
            gathered.clear();
            continue;
        }
        let key = content.split_once(" = ").map(|(name, _)| full(&section, name));
        if let Some(key) = key.filter(|key| known.contains(key)) {
            let after = content.split_once("  # ").or_else(|| content.split_once(" # "));
            gathered.extend(after.map(|(_, text)| text.trim()));
            texts.insert(key.clone(), gathered.join(" "));
            (gathered, last) = (Vec::new(), key);
            continue;
        }
        let continued = content.strip_prefix(CONTINUED).and_then(|rest| {
            let text = rest.trim_start().strip_prefix('#')?;
            texts.get_mut(&last).map(|known| (known, text.trim()))
        });
        match continued {
            Some((known, text)) if known.is_empty() => text.clone_into(known),
            Some((known, text)) => {
                known.push(' ');
                known.push_str(text);
            }
            None if is_comment && !content.is_empty() => gathered.push(content),
            None => {
                let is_about_the_section = !gathered.is_empty() && !texts.contains_key(&section);
                if !section.is_empty() && is_about_the_section {
                    texts.insert(section.clone(), gathered.join(" "));
                }
                gathered.clear();
            }
        }
    }
    texts.into_iter().map(|(key, text)| (key, as_sentence(text))).collect()
}

/// With a capital at its beginning, unless that is something to write in lower case.
fn as_sentence(text: String) -> String {
    let is_word = text.split(' ').next().is_some_and(|word| word.chars().all(char::is_alphabetic));
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if is_word => first.to_uppercase().chain(letters).collect(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_says_what_it_means() {
        for key in known::keys(ANY_PARTNER).iter().filter(|key| *key != "partners") {
            let text = meaning(key);
            assert!(text.len() > 10, "config/default.toml does not say what {key} means: {text:?}");
            assert!(!text.contains(" = ") || text.contains('"'), "{key}: {text}");
        }
    }

    #[test]
    fn a_text_stands_before_its_key_or_after_it() {
        for (key, text) in [
            ("server.workers", "The number of HTTP worker threads."),
            ("events.timeout", "How long one call to an endpoint may take."),
            ("retention.syncs", "Entries of the timeline."),
            (
                "partners.withings.notifications",
                "false: none are taken, and subscriptions are ended",
            ),
        ] {
            assert_eq!(meaning(key), text);
        }
        assert!(meaning("installed_partners").starts_with("The partners to run"));
        assert!(meaning("retention").starts_with("What is older is deleted"));
        assert!(meaning("vault.key_file").ends_with("every user must connect again."));
        let limits = meaning("partners.strava.limits");
        assert!(
            limits.starts_with("How often the partner may be called")
                && limits.ends_with("that applies.")
        );
        assert!(meaning("partners.strava.verify_code").ends_with("if it gives one (Fitbit)"));
    }
}
