//! Types of the document in words.

use serde_json::Value;

use super::markup;

/// A field of a type, or a parameter of a call.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    /// Where a parameter stands.
    pub(super) place: &'static str,
    /// HTML.
    pub(super) kind: String,
    pub(super) is_required: bool,
    /// HTML.
    pub(super) about: String,
}

/// A type with its fields.
#[derive(Debug)]
pub(super) struct Type {
    pub(super) name: String,
    /// HTML.
    pub(super) about: String,
    /// HTML: the types whose fields it has besides.
    pub(super) with: Vec<String>,
    pub(super) fields: Vec<Field>,
    /// What it is, if it has no fields. HTML.
    pub(super) kind: String,
    pub(super) example: Option<String>,
}

/// All types of the document.
pub(super) fn of(document: &Value) -> Vec<Type> {
    let schemas = document["components"]["schemas"].as_object();
    schemas.into_iter().flatten().map(|(name, schema)| Type::new(name, schema)).collect()
}

impl Type {
    fn new(name: &str, schema: &Value) -> Self {
        let (mut fields, mut with) = (Vec::new(), Vec::new());
        gather(schema, &mut fields, &mut with);
        let about = schema["description"].as_str().unwrap_or_default();
        Self {
            name: name.to_owned(),
            about: markup::blocks(about),
            // The words of a list stand in its description.
            kind: if fields.is_empty() && with.is_empty() && schema["enum"].is_null() {
                kind(schema)
            } else {
                String::new()
            },
            with,
            fields,
            example: schema.get("example").map(pretty),
        }
    }
}

/// A value as text to look at.
pub(super) fn pretty(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => indented(value, 0),
    }
}

/// How long a line with a whole list or object may be.
const LINE: usize = 76;

fn indented(value: &Value, depth: usize) -> String {
    let short = in_a_line(value);
    if short.chars().count() + 2 * depth <= LINE {
        return short;
    }
    let inner = |value: &Value| indented(value, depth + 1);
    let (open, entries, close): (_, Vec<String>, _) = match value {
        Value::Array(entries) => ('[', entries.iter().map(inner).collect(), ']'),
        Value::Object(members) => {
            let member = |(name, value)| format!("{}: {}", Value::from(name), inner(value));
            let members = members.iter().map(|(name, value)| (name.as_str(), value));
            ('{', members.map(member).collect(), '}')
        }
        _ => return short,
    };
    let (indent, end) = ("  ".repeat(depth + 1), "  ".repeat(depth));
    format!("{open}\n{indent}{}\n{end}{close}", entries.join(&format!(",\n{indent}")))
}

fn in_a_line(value: &Value) -> String {
    match value {
        Value::Array(entries) => {
            let entries: Vec<_> = entries.iter().map(in_a_line).collect();
            format!("[{}]", entries.join(", "))
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, _)| {
                format!("{}: {}", Value::from(name.as_str()), in_a_line(value))
            };
            let members: Vec<_> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(", "))
        }
        value => value.to_string(),
    }
}

fn gather(schema: &Value, fields: &mut Vec<Field>, with: &mut Vec<String>) {
    let required = schema["required"].as_array();
    for (name, of) in schema["properties"].as_object().into_iter().flatten() {
        let is_required = required.is_some_and(|names| names.iter().any(|it| it == name.as_str()));
        let about = markup::line(of["description"].as_str().unwrap_or_default());
        fields.push(Field { name: name.clone(), place: "", kind: kind(of), is_required, about });
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        match link(part) {
            Some(link) => with.push(link),
            None => gather(part, fields, with),
        }
    }
    let branches = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
    for branch in branches.into_iter().flatten().filter(|branch| branch["type"] != "null") {
        gather(branch, fields, with);
    }
}

fn link(schema: &Value) -> Option<String> {
    let name = markup::escape(schema["$ref"].as_str()?.rsplit('/').next()?);
    Some(format!("<a href=\"#type-{name}\">{name}</a>"))
}

/// What stands where a schema is, in words. HTML.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(link) = link(schema) {
        return link;
    }
    if let Some(branches) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let kinds: Vec<_> = branches.iter().map(kind).collect();
        return kinds.join(" or ");
    }
    if let [only] = schema["allOf"].as_array().map(Vec::as_slice).unwrap_or_default() {
        return kind(only);
    }
    if let Some(words) = schema["enum"].as_array() {
        let words = words.iter().filter_map(Value::as_str);
        let words: Vec<_> = words.map(|word| markup::line(&format!("`{word}`"))).collect();
        return words.join(", ");
    }
    let names = match &schema["type"] {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return "anything".to_owned(),
    };
    let kinds: Vec<_> = names.into_iter().map(|name| of_type(name, schema)).collect();
    kinds.join(" or ")
}

fn of_type(name: &str, schema: &Value) -> String {
    let bounds = range(schema, "minimum", "maximum");
    match name {
        "array" => format!("list of {}{}", kind(&schema["items"]), sized(schema, "Items", "")),
        "object" if schema["additionalProperties"].is_object() => {
            format!("object of names and {}", kind(&schema["additionalProperties"]))
        }
        "string" => match schema["format"].as_str() {
            Some("date-time") => "date and time".to_owned(),
            Some("uuid") => "UUID".to_owned(),
            _ => format!("text{}", sized(schema, "Length", " letters")),
        },
        "integer" => format!("whole number{bounds}"),
        "number" => format!("number{bounds}"),
        "boolean" => "true or false".to_owned(),
        other => markup::escape(other),
    }
}

fn sized(schema: &Value, what: &str, unit: &str) -> String {
    let range = range(schema, &format!("min{what}"), &format!("max{what}"));
    if range.is_empty() { range } else { format!(",{range}{unit}") }
}

fn range(schema: &Value, least: &str, most: &str) -> String {
    match (&schema[least], &schema[most]) {
        (Value::Null, Value::Null) => String::new(),
        (Value::Null, most) => format!(" at most {most}"),
        (least, Value::Null) => format!(" {least} or more"),
        (least, most) => format!(" {least} to {most}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn examples_have_short_lines_and_are_the_same_json() {
        let long = "a sentence that is long enough to need a line for itself, and then some more";
        let value = json!({"a": [1, 2, {"b": "\"x\""}], "c": {"d": [long, null], "e": {}}});
        let text = pretty(&value);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value, "{text}");
        assert!(text.contains("\n  \"a\": [1, 2, {\"b\": \"\\\"x\\\"\"}],\n"), "{text}");
    }

    #[test]
    fn what_stands_somewhere_is_said_in_words() {
        for (schema, words) in [
            (json!({"type": ["integer", "null"], "minimum": 1}), "whole number 1 or more or null"),
            (json!({"type": "string", "maxLength": 9}), "text, at most 9 letters"),
            (json!({"type": "array", "items": {"type": "boolean"}}), "list of true or false"),
            (json!({"enum": ["a", "b"], "type": "string"}), "<code>a</code>, <code>b</code>"),
            (json!({"$ref": "#/components/schemas/T"}), "<a href=\"#type-T\">T</a>"),
        ] {
            assert_eq!(kind(&schema), words);
        }
    }
}
