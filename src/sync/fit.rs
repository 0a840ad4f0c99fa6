//! What of partners' ids and texts can be kept: both databases store it, and nothing grows with what
//! a partner makes up.

use std::borrow::Cow;

use partner_sdk::{Body, Cursor, Page, PartnerError, RejectedRecord, RemoteRecord};

use super::check::credible_end;

/// The longest id. Those of our partners have fewer than a hundred bytes.
const MAX_ID: usize = 512;

/// The longest name of a meal or an activity; a longer one is cut.
const MAX_TEXT: usize = 1024;

/// The longest reason or message that is reported; a longer one is cut.
pub(super) const MAX_REASON: usize = 1024;

/// How much of an id a report shows.
const SHOWN_ID: usize = 64;

/// The longest cursor or name of a next page. The longest of our partners' own remembers a thousand
/// exercises, in less than half of it.
const MAX_STATE: usize = 1024 * 1024;

/// Says why an id cannot be kept, if it cannot. PostgreSQL stores no NUL, and no partner has a reason
/// for other control characters.
fn unfit_id(id: &str) -> Option<&'static str> {
    if id.len() > MAX_ID {
        Some("its id is longer than 512 bytes")
    } else if id.chars().any(char::is_control) {
        Some("its id has control characters")
    } else {
        None
    }
}

/// The record as it is kept, or why it is not. A damaged name costs its damaged part: what was eaten
/// or done is still known.
pub(super) fn fit(mut record: RemoteRecord) -> Result<RemoteRecord, RejectedRecord> {
    let group = record.group.as_deref().and_then(unfit_id);
    if let Some(why) = unfit_id(&record.source_id).or(group) {
        return Err(RejectedRecord::new(record.source_id, why));
    }
    match &mut record.body {
        Body::Measurement(_) => {}
        Body::Exercise(exercise) => tidy(&mut exercise.activity_original),
        Body::Nutrition(nutrition) => nutrition.name.iter_mut().for_each(tidy),
    }
    record.end = credible_end(record.start, record.end, &record.body);
    Ok(record)
}

/// Ids that can be in the store at all.
pub(super) fn known_ids(mut ids: Vec<String>) -> Vec<String> {
    ids.retain(|id| unfit_id(id).is_none());
    ids
}

/// The id of a refused record, if it can be in the store.
pub(super) fn known_id(refused: &RejectedRecord) -> Option<&String> {
    refused.source_id.as_ref().filter(|id| unfit_id(id).is_none())
}

/// Takes from `page` a cursor and a next page that cannot be kept.
///
/// # Errors
/// If there was one; the rest of the page is good.
pub(super) fn check_states(page: &mut Page) -> Result<(), PartnerError> {
    let is_fit = |state: &str| state.len() <= MAX_STATE && !state.contains('\0');
    let cursor = page.cursor.as_ref().is_none_or(|Cursor(state)| is_fit(state));
    let next = page.next_page.as_deref().is_none_or(is_fit);
    if cursor && next {
        return Ok(());
    }
    (page.cursor, page.next_page) = (None, None);
    let why = "the place where the list goes on is longer than 1 MiB or has control characters; \
               what came is kept, and the next sync starts from the same place";
    Err(PartnerError::Malformed(why.into()))
}

/// A reason or a message as it is reported.
pub(super) fn reported(text: String) -> String {
    readable(text, MAX_REASON)
}

/// An id as it is reported, whether or not it can be kept.
pub(super) fn reported_id(id: String) -> String {
    readable(id, SHOWN_ID)
}

fn readable(text: String, most: usize) -> String {
    let text = match text.contains(char::is_control) {
        true => text.chars().take(most).map(shown).collect(),
        false => text,
    };
    if text.len() <= most {
        return text;
    }
    format!("{}…", start(&text, most))
}

fn shown(character: char) -> char {
    if character.is_control() { char::REPLACEMENT_CHARACTER } else { character }
}

/// Removes control characters, except those that lay a text out, and cuts it.
fn tidy(text: &mut String) {
    let is_kept = |character: char| !character.is_control() || "\n\r\t".contains(character);
    if !text.chars().all(is_kept) {
        text.retain(is_kept);
    }
    let length = start(text, MAX_TEXT).len();
    text.truncate(length);
    text.shrink_to_fit();
}

/// The longest beginning of `text` that has at most `most` bytes and ends with a character.
fn start(text: &str, most: usize) -> &str {
    let end = (0..=most).rev().find_map(|end| text.get(..end));
    if text.len() <= most { text } else { end.unwrap_or_default() }
}

/// The id of a user at the partner, which names the account for as long as it is connected.
///
/// # Errors
/// If it cannot be kept.
pub fn external_user_id(id: String) -> Result<String, PartnerError> {
    let why: Cow<'static, str> = match unfit_id(&id) {
        _ if id.trim().is_empty() => "it names the user with an empty id".into(),
        Some(why) => format!("it names the user, but {why}").into(),
        None => return Ok(id),
    };
    Err(PartnerError::Malformed(why))
}

#[cfg(test)]
mod tests {
    use partner_sdk::{Exercise, Moment, Nutrition};

    use super::*;

    fn record(source_id: &str, group: Option<&str>, body: Body) -> RemoteRecord {
        RemoteRecord {
            source_id: source_id.to_owned(),
            group: group.map(str::to_owned),
            start: Moment::exact("2026-03-04T06:00:00Z".parse().unwrap()),
            end: None,
            modified: None,
            body,
        }
    }

    fn meal(name: &str) -> Body {
        Body::Nutrition(Nutrition { name: Some(name.to_owned()), ..Nutrition::default() })
    }

    #[test]
    fn ids_that_a_database_cannot_keep_are_refused() {
        let longest = "x".repeat(MAX_ID);
        for (id, group, is_fit) in [
            ("a", None, true),
            ("ä/b c:🏃", Some("g"), true),
            (longest.as_str(), Some(longest.as_str()), true),
            ("a\0b", None, false),
            ("a\nb", None, false),
            ("a\u{85}", None, false),
            ("a", Some("g\0"), false),
            (&format!("{longest}x"), None, false),
            ("a", Some(&format!("{longest}x")), false),
        ] {
            assert_eq!(fit(record(id, group, meal("Soup"))).is_ok(), is_fit, "{id:?} {group:?}");
        }
        let refused = RejectedRecord::new("a\0b", "");
        assert_eq!(known_id(&refused), None);
        assert_eq!(known_ids(vec!["a".into(), "b\0".into(), longest + "x"]), ["a"]);
    }

    #[test]
    fn a_text_loses_what_cannot_be_shown_and_what_is_too_long() {
        let long = "ä".repeat(600);
        for (text, expected) in [
            ("Soup", "Soup"),
            ("So\0up\u{7f}", "Soup"),
            ("Soup\nof the\tday\r\n", "Soup\nof the\tday\r\n"),
            (long.as_str(), &"ä".repeat(512)),
            (&format!("x{long}"), &format!("x{}", "ä".repeat(511))),
        ] {
            assert_eq!(fit(record("a", None, meal(text))).unwrap().body, meal(expected));
            let run = |word: &str| {
                let activity_original = word.to_owned();
                Body::Exercise(Exercise { activity_original, ..Exercise::default() })
            };
            assert_eq!(fit(record("a", None, run(text))).unwrap().body, run(expected));
        }
    }

    #[test]
    fn what_is_reported_can_be_shown_and_is_short() {
        assert_eq!(reported("HTTP 500".into()), "HTTP 500");
        assert_eq!(reported_id("a\0\nb".into()), "a\u{fffd}\u{fffd}b");
        let long = reported_id("ä\0".repeat(1_000_000));
        assert!(long.len() <= SHOWN_ID + "…".len() && long.ends_with('…'), "{long}");
    }

    #[test]
    fn a_place_that_cannot_be_kept_is_taken_from_its_page() {
        let page = |cursor: &str, next: &str| Page {
            cursor: Some(Cursor(cursor.to_owned())),
            next_page: Some(next.to_owned()),
            ..Page::default()
        };
        assert!(check_states(&mut page("\"\\u0000\"", "{\"a\":1}")).is_ok());
        let long = "x".repeat(MAX_STATE + 1);
        for (cursor, next) in [("a\0", "b"), ("a", "b\0"), (&long, "b"), ("a", &long)] {
            let mut page = page(cursor, next);
            assert!(check_states(&mut page).is_err());
            assert!(page.cursor.is_none() && page.next_page.is_none());
        }
    }

    #[test]
    fn a_user_s_id_is_neither_empty_nor_unfit() {
        assert!(external_user_id("31415926".into()).is_ok());
        for id in ["", " \t", "3\u{0}1", &"3".repeat(513)] {
            assert!(external_user_id(id.into()).is_err(), "{id:?}");
        }
    }
}
