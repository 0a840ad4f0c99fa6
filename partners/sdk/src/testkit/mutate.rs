//! Changes to fixtures: fields that a partner may add, and values that may arrive broken.

use serde_json::{Value, json};

/// Adds an unknown field to every object.
pub(super) fn add_unknown_fields(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(add_unknown_fields),
        Value::Object(fields) => {
            fields.values_mut().for_each(add_unknown_fields);
            fields.insert("conformance_unknown".to_owned(), json!({"new": [1, "text", null]}));
        }
        _ => {}
    }
}

/// Finds the page's list of items: the list of objects closest to its root.
pub(super) fn find_items(page: &Value) -> Option<String> {
    let mut level = vec![(String::new(), page)];
    while !level.is_empty() {
        let is_list = |value: &Value| {
            value.as_array().is_some_and(|items| items.first().is_some_and(Value::is_object))
        };
        if let Some((pointer, _)) = level.iter().find(|(_, value)| is_list(value)) {
            return Some(pointer.clone());
        }
        level = level.into_iter().flat_map(|(pointer, value)| children(&pointer, value)).collect();
    }
    None
}

/// Pointers to everything below `value` that is neither an object nor an array.
pub(super) fn leaves(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), value)];
    while let Some((pointer, value)) = open.pop() {
        match value {
            Value::Object(_) | Value::Array(_) => open.extend(children(&pointer, value)),
            _ => found.push(pointer),
        }
    }
    found
}

fn children<'value>(pointer: &str, value: &'value Value) -> Vec<(String, &'value Value)> {
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| (format!("{pointer}/{index}"), item))
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, item)| {
                (format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), item)
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Collects the values of a fixture that reveal a leak into a text: long ones, and shorter ones
/// with a digit. Words like "Running" may occur in a text without a leak.
pub(super) fn telling_values(fixture: &Value, found: &mut Vec<String>) {
    for pointer in leaves(fixture) {
        let text = match fixture.pointer(&pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => continue,
        };
        let long = text.len() >= 12;
        if long || (text.len() >= 4 && text.bytes().any(|byte| byte.is_ascii_digit())) {
            found.push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_items_of_a_page_are_the_objects_nearest_to_its_root() {
        let page = json!({"status": 0, "body": {"list": [{"deep": [{"a": 1}]}], "tags": ["x"]}});
        assert_eq!(find_items(&page).as_deref(), Some("/body/list"));
        assert_eq!(find_items(&json!([{"a": 1}])).as_deref(), Some(""));
        assert_eq!(find_items(&json!({"items": []})), None);
    }

    #[test]
    fn leaves_are_found_at_any_depth() {
        let mut found = leaves(&json!({"a": 1, "b": [{"c/d": null}], "e": {}}));
        found.sort();
        assert_eq!(found, ["/a", "/b/0/c~1d"]);
    }

    #[test]
    fn telling_values_are_long_or_have_digits() {
        let mut found = Vec::new();
        let fixture = json!({"a": "Running", "b": 78.12, "c": 7, "d": "a rather long text"});
        telling_values(&fixture, &mut found);
        found.sort();
        assert_eq!(found, ["78.12", "a rather long text"]);
    }
}
