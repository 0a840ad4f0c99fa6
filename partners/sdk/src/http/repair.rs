//! Repairs JSON that does not parse, so that one damaged text does not cost its neighbours.
//!
//! Programs between the user and us cut texts, mix encodings, and write notices before the answer.
//! Only what damages single texts is repaired: a body that was cut off, or whose structure is
//! broken, stays an error.

use serde::de::IgnoredAny;

/// What stands in the place of what cannot be read, as an escape.
const REPLACEMENT: &str = "\\ufffd";

/// Returns `body` with its damaged places replaced; `None` if there are none.
pub(super) fn repair(body: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start_matches('\u{feff}');
    let repaired = behind_a_notice(text).unwrap_or_else(|| texts(text));
    (repaired.as_bytes() != body).then(|| repaired.into_bytes())
}

/// Repairs the inside of each text, and drops control characters between them.
fn texts(json: &str) -> String {
    let mut repaired = String::with_capacity(json.len());
    let mut inside = false;
    let mut rest = json.chars();
    while let Some(character) = rest.next() {
        match character {
            '"' => {
                inside = !inside;
                repaired.push('"');
            }
            '\\' if inside => escape(&mut rest, &mut repaired),
            '\n' | '\r' | '\t' if !inside => repaired.push(character),
            '\n' => repaired.push_str("\\n"),
            '\r' => repaired.push_str("\\r"),
            '\t' => repaired.push_str("\\t"),
            '\0'..='\u{1f}' if inside => repaired.push_str(REPLACEMENT),
            '\0'..='\u{1f}' => {}
            _ => repaired.push(character),
        }
    }
    repaired
}

/// Copies the escape behind a backslash if it is one.
fn escape(rest: &mut std::str::Chars<'_>, repaired: &mut String) {
    let mut ahead = rest.clone();
    match ahead.next() {
        Some('u') => code_point(rest, repaired),
        Some(plain @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't')) => {
            repaired.extend(['\\', plain]);
            *rest = ahead;
        }
        // An escape that JSON does not have: the character itself is readable.
        Some(_) => {}
        None => repaired.push_str(REPLACEMENT),
    }
}

/// Copies `uXXXX`, and the second half with it if it is the first half of a pair.
fn code_point(rest: &mut std::str::Chars<'_>, repaired: &mut String) {
    rest.next();
    let Some(first) = code_unit(rest) else {
        // Cut in the middle of the escape: what is left of its digits is no text.
        while rest.clone().next().is_some_and(|digit| digit.is_ascii_hexdigit()) {
            rest.next();
        }
        return repaired.push_str(REPLACEMENT);
    };
    match first {
        0xD800..=0xDBFF => {
            let mut ahead = rest.clone();
            let second = match (ahead.next(), ahead.next()) {
                (Some('\\'), Some('u')) => code_unit(&mut ahead),
                _ => None,
            };
            match second.filter(|second| (0xDC00..=0xDFFF).contains(second)) {
                Some(second) => {
                    repaired.push_str(&format!("\\u{first:04x}\\u{second:04x}"));
                    *rest = ahead;
                }
                None => repaired.push_str(REPLACEMENT),
            }
        }
        0xDC00..=0xDFFF => repaired.push_str(REPLACEMENT),
        _ => repaired.push_str(&format!("\\u{first:04x}")),
    }
}

/// Takes four hexadecimal digits; nothing if they are not there.
fn code_unit(rest: &mut std::str::Chars<'_>) -> Option<u16> {
    let digits = rest.as_str().get(..4)?;
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    *rest = rest.as_str().get(4..)?.chars();
    u16::from_str_radix(digits, 16).ok()
}

/// Returns the JSON behind a text that a program wrote before it (a warning, a guard such as
/// `)]}'`). Only one whole object or list counts, and an empty one only on a line of its own: the
/// braces of a script in a web page, or an error message that ends with `{}`, are no data.
fn behind_a_notice(body: &str) -> Option<String> {
    let is_json = |text: &str| serde_json::from_str::<IgnoredAny>(text).is_ok();
    let is_empty =
        |text: &str| text.get(1..).unwrap_or_default().trim_start().starts_with(['}', ']']);
    if body.trim_start().starts_with(['{', '[', '"']) {
        return None;
    }
    let starts = ['{', '['].map(|brace| body.find(brace)).into_iter().flatten();
    // A notice may hold a single quote: what follows it is read on its own.
    let found = starts.map(|start| body.split_at(start));
    let read = found.map(|(notice, json)| (notice, texts(json)));
    let mut whole = read.filter(|(notice, json)| {
        let has_its_line = notice.trim_end_matches([' ', '\t', '\r']).ends_with('\n');
        is_json(json) && (has_its_line || !is_empty(json))
    });
    whole.next().map(|(_, json)| json)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What a body says after its repair.
    fn read(body: &[u8]) -> Option<Value> {
        serde_json::from_slice(&repair(body)?).ok()
    }

    #[test]
    fn halves_of_surrogate_pairs_cost_themselves_only() {
        for (text, expected) in [
            (r"Run \ud83c", "Run \u{fffd}"),
            (r"\ud83c", "\u{fffd}"),
            (r"\ud83c run", "\u{fffd} run"),
            (r"\udfc3 run", "\u{fffd} run"),
            (r"\udfc3\ud83c", "\u{fffd}\u{fffd}"),
            (r"\ud83c\ud83c\udfc3", "\u{fffd}\u{1f3c3}"),
            (r"\ud83c\udfc3\ud83c", "\u{1f3c3}\u{fffd}"),
            (r"\ud83c\n", "\u{fffd}\n"),
            (r"\ud83c\u00e4", "\u{fffd}\u{e4}"),
            (r"\D83C", "D83C"),
            (r"\uD83C\uDFC3 \uD83C", "\u{1f3c3} \u{fffd}"),
            (r"Run \ud8", "Run \u{fffd}"),
            (r"Run \u", "Run \u{fffd}"),
            (r"Run \u00zz", "Run \u{fffd}zz"),
            (r"\\ud83c \ud83c", "\\ud83c \u{fffd}"),
            (r#"say \"\ud83c\""#, "say \"\u{fffd}\""),
            (r"It\'s \x", "It's x"),
        ] {
            let body = format!(r#"[{{"name":"{text}","id":1}},{{"id":2}}]"#);
            let expected = json!([{"name": expected, "id": 1}, {"id": 2}]);
            assert_eq!(read(body.as_bytes()), Some(expected), "{text}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_cost_themselves_only() {
        for (bytes, expected) in [
            (&b"Caf\xe9"[..], "Caf\u{fffd}"),
            (b"\xf0\x9f\x8f", "\u{fffd}"),
            (b"\x80\x81", "\u{fffd}\u{fffd}"),
            (b"\xed\xa0\xbc", "\u{fffd}\u{fffd}\u{fffd}"),
            (b"\xc3\xa4\xff", "\u{e4}\u{fffd}"),
        ] {
            let body = [b"{\"a\":\"", bytes, b"\",\"b\":2}"].concat();
            assert_eq!(read(&body), Some(json!({"a": expected, "b": 2})), "{bytes:?}");
        }
    }

    #[test]
    fn stray_control_characters_cost_themselves_only() {
        for (body, expected) in [
            ("{\"a\":\"one\ntwo\"}", json!({"a": "one\ntwo"})),
            ("{\"a\":\"one\ttwo\r\"}", json!({"a": "one\ttwo\r"})),
            ("{\"a\":\"one\0\u{1}\"}", json!({"a": "one\u{fffd}\u{fffd}"})),
            ("{\0\"a\":\u{1f}1,\n\"b\":2}\0", json!({"a": 1, "b": 2})),
        ] {
            assert_eq!(read(body.as_bytes()), Some(expected), "{body:?}");
        }
    }

    #[test]
    fn what_stands_before_the_answer_is_left_out() {
        for (before, answer) in [
            ("\u{feff}", r#"{"a":1}"#),
            ("\u{feff}\u{feff}", r#"[{"a":1}]"#),
            (")]}',\n", r#"{"a":1}"#),
            (")]}'\n", "{}"),
            ("Notice: slow\r\n", "[]"),
            ("while(1);", r#"[{"a":1}]"#),
            ("1a8\r\n", r#"{"a":[{"b":1}]}"#),
            ("Warning: a \"thing\" in line 7\n", r#"{"a":"b"}"#),
            ("Warning: 5\" is short\n", "{\n\"a\":\"b\"\n}"),
            ("Notice: it isn't [there] \n", r#"{"a":"b"}"#),
            ("\u{feff}Deprecated: x\n", r#"{"a":"\ud83c","b":2}"#),
        ] {
            let body = format!("{before}{answer}");
            let expected = answer.replace("\\ud83c", "\u{fffd}");
            let expected: Value = serde_json::from_str(&expected).unwrap();
            assert_eq!(read(body.as_bytes()), Some(expected), "{before:?}");
        }
    }

    #[test]
    fn what_is_no_damaged_answer_stays_an_error() {
        for body in [
            "",
            " ",
            "{",
            r#"{"a":1,"b":"#,
            r#"[{"a":1},{"b":"cut"#,
            "maintenance",
            "internal error {}",
            "internal error []",
            "see {\"a\":1} and more",
            "<html><script>var a = {};</script></html>",
            "<html><script>{\"a\":1}</script></html>",
            "{\"a\":1\"b\"}",
        ] {
            assert_eq!(read(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn a_clean_body_has_nothing_to_repair() {
        for body in [
            r#"{"a":[1,"text \ud83c\udfc3 \u00e4 \n \\ \" \/"],"b":null}"#,
            "\"maintenance\"",
            "\"see {\\\"a\\\":1}\"",
            "{\n\t\"a\": 1\r\n}",
            "17",
        ] {
            assert_eq!(repair(body.as_bytes()), None, "{body}");
        }
    }
}
