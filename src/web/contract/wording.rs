//! A mistake in words: what is wrong with a value, and what to send.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Wrong;
use serde_json::Value;

use super::schema::Schema;
use super::{dates, place};

/// From here on a name is near another one.
const NEAR: f64 = 0.85;

/// How much of a word is repeated.
const SHOWN: usize = 40;

/// Where a value stood.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    InBody,
    InAddress,
}

/// The mistakes that an error of the validator stands for: pointers, and what is wrong there.
pub(super) fn mistakes(
    schema: Schema<'_>,
    error: &ValidationError<'_>,
    sent: Sent,
) -> Vec<(String, String)> {
    let pointer = error.instance_path().as_str().to_owned();
    let at = schema.at(&pointer).unwrap_or(Schema { value: &Value::Null, ..schema });
    match error.kind() {
        Wrong::AdditionalProperties { unexpected }
        | Wrong::UnevaluatedProperties { unexpected } => {
            let known = at.fields();
            unexpected.iter().map(|name| unknown(&pointer, name, &known, sent)).collect()
        }
        Wrong::Required { property } => {
            let below = place::below(&pointer, property.as_str().unwrap_or_default());
            let wanted = schema.at(&below).map_or_else(|| "it".to_owned(), expected);
            vec![(below, format!("it is missing; send {wanted}"))]
        }
        Wrong::OneOfNotValid { context }
        | Wrong::AnyOf { context }
        | Wrong::OneOfMultipleValid { context } => {
            // Of a value that may be null or something else, the other one was meant.
            let meant = context.iter().find(|branch| {
                !branch.iter().any(|error| {
                    error.instance_path().as_str() == pointer
                        && matches!(error.kind(), Wrong::Type { .. } | Wrong::Enum { .. })
                })
            });
            match meant {
                Some(branch) if !branch.is_empty() => {
                    branch.iter().flat_map(|error| mistakes(schema, error, sent)).collect()
                }
                _ => vec![(pointer, not_taken(at, error.instance()))],
            }
        }
        Wrong::PropertyNames { error } => {
            let name = error.instance().as_str().unwrap_or_default();
            vec![(place::below(&pointer, &shown(name)), one(at, error, sent))]
        }
        _ => vec![(pointer, one(at, error, sent))],
    }
}

/// What is wrong with one value.
fn one(at: Schema<'_>, error: &ValidationError<'_>, sent: Sent) -> String {
    let value: &Value = error.instance();
    let text = value.as_str().unwrap_or_default();
    match error.kind() {
        Wrong::Format { format } if format == "date-time" => {
            dates::wrong(text, sent == Sent::InAddress)
        }
        Wrong::Format { format } => format!("it is no {format}; send {}", expected(at)),
        Wrong::Minimum { .. }
        | Wrong::Maximum { .. }
        | Wrong::ExclusiveMinimum { .. }
        | Wrong::ExclusiveMaximum { .. } => format!("it is out of range; send {}", expected(at)),
        Wrong::MinLength { limit: 1 } => "it is empty; send some text, or leave it out".to_owned(),
        Wrong::MinLength { limit } => format!("it is too short; send at least {limit} letters"),
        Wrong::MaxLength { limit } => {
            format!("it has {} letters; send at most {limit}", text.chars().count())
        }
        Wrong::MinItems { .. } | Wrong::MaxItems { .. } => {
            let entries = value.as_array().map_or(0, Vec::len);
            format!("it has {entries} entries; send {}", range(at.value, "minItems", "maxItems"))
        }
        Wrong::MinProperties { .. } => {
            format!("it is empty; send at least one of the fields {}", at.fields().join(", "))
        }
        Wrong::Pattern { .. } => match text.chars().find(|letter| letter.is_control()) {
            Some(letter) => {
                let code = u32::from(letter);
                format!("it has the control character U+{code:04X}; leave it out")
            }
            None => {
                let about = at.value["description"].as_str().unwrap_or("It has another form.");
                format!("it cannot be read. {about}")
            }
        },
        Wrong::Custom { message, .. } => message.clone(),
        _ => not_taken(at, value),
    }
}

fn unknown(pointer: &str, name: &str, known: &[&str], sent: Sent) -> (String, String) {
    let what = match sent {
        Sent::InBody => "field",
        Sent::InAddress => "parameter",
    };
    let name = shown(name);
    let mend = match (nearest(&name, known), known) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, []) => "there are none".to_owned(),
        (None, known) => format!("there are: {}", known.join(", ")),
    };
    (place::below(pointer, &name), format!("there is no {what} `{name}` here; {mend}"))
}

/// What is wrong with a value of another kind, or with a word that is not in a list.
fn not_taken(at: Schema<'_>, value: &Value) -> String {
    if let (Some(words), Some(word)) = (at.words(), value.as_str()) {
        let word = shown(word);
        let mend = match nearest(&word, &words) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("send one of: {}", words.join(", ")),
        };
        return format!("there is no `{word}`; {mend}");
    }
    format!("send {}, not {}", expected(at), kind(value))
}

/// The name that was probably meant.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let like = known.iter().map(|known| (strsim::jaro_winkler(known, &name), *known));
    let near = like.filter(|(likeness, _)| *likeness > NEAR);
    near.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, known)| known)
}

/// The kind of a value, never the value.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What a schema takes.
fn expected(at: Schema<'_>) -> String {
    let at = at.resolved();
    if let Some(words) = at.words() {
        return format!("one of: {}", words.join(", "));
    }
    match at.type_of() {
        Some("integer") => format!("a whole number{}", limits(at.value)),
        Some("number") => format!("a number{}", limits(at.value)),
        Some("boolean") => "true or false".to_owned(),
        Some("array") => "a list".to_owned(),
        Some("object") => match at.fields().as_slice() {
            [] => "an object".to_owned(),
            fields => format!("an object with the fields {}", fields.join(", ")),
        },
        Some("string") if at.value["format"] == "date-time" => {
            "a date with a time and an offset, e.g. 2026-11-22T07:15:00+01:00".to_owned()
        }
        Some("string") => "a text".to_owned(),
        _ => "something else".to_owned(),
    }
}

fn limits(at: &Value) -> String {
    let limits = range(at, "minimum", "maximum");
    if limits.is_empty() { limits } else { format!(" from {limits}") }
}

fn range(at: &Value, least: &str, most: &str) -> String {
    match (&at[least], &at[most]) {
        (Value::Null, Value::Null) => String::new(),
        (Value::Null, most) => format!("0 to {most}"),
        (least, Value::Null) => format!("{least} or more"),
        (least, most) => format!("{least} to {most}"),
    }
}

/// The beginning of a word, without what a terminal would act on.
fn shown(word: &str) -> String {
    let mut shown: String =
        word.chars().filter(|letter| !letter.is_control()).take(SHOWN).collect();
    if word.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
