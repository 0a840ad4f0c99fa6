//! Places in a body: as a JSON pointer (RFC 6901) for programs, and as people write them.

/// The pointer of a member or an entry.
pub(super) fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The names and numbers on the way.
pub(super) fn parts(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"))
}

/// The place as people write it: `records[3].start`.
pub(super) fn in_words(pointer: &str) -> String {
    let mut words = String::new();
    for part in parts(pointer) {
        if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
            words.push_str(&format!("[{part}]"));
        } else {
            if !words.is_empty() {
                words.push('.');
            }
            words.push_str(&part);
        }
    }
    words
}

/// Whether `pointer` is `other` or lies below it.
pub(super) fn is_within(pointer: &str, other: &str) -> bool {
    pointer.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_in_most_languages() {
        for (pointer, words) in [
            ("", ""),
            ("/start", "start"),
            ("/records/3/measurement/value", "records[3].measurement.value"),
            ("/poll/a~1b~0c", "poll.a/b~c"),
        ] {
            assert_eq!(in_words(pointer), words);
        }
        assert_eq!(below("/poll", "a/b~c"), "/poll/a~1b~0c");
    }

    #[test]
    fn a_place_lies_within_what_holds_it() {
        assert!(is_within("/records/3/start", "/records/3") && is_within("/a", ""));
        assert!(is_within("/records/3", "/records/3") && !is_within("/records/30", "/records/3"));
    }
}
