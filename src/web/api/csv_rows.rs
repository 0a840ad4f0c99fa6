//! Records as CSV (RFC 4180): a row for each value. Records have different fields, and a spreadsheet needs the
//! same columns for all.

use serde_json::Value;

use super::records::{RecordView, Source};
use crate::store::StoreError;

const COLUMNS: [&str; 9] =
    ["record", "kind", "start", "end", "source", "source_id", "deleted", "field", "value"];

/// Writes the names of the columns.
///
/// # Errors
/// None that can happen: it is written to memory.
pub(super) fn head(text: &mut Vec<u8>) -> Result<(), StoreError> {
    row(text, &COLUMNS.map(str::to_owned))
}

/// Writes a row for each value of a record, and one without a value if it has none, as a deleted one.
///
/// # Errors
/// When the record's content is no JSON.
pub(super) fn rows(text: &mut Vec<u8>, record: RecordView) -> Result<(), StoreError> {
    let RecordView {
        id, kind, source, start, end, measurement, exercise, nutrition, deleted, ..
    } = record;
    let mut fields = Vec::new();
    if let Some(content) = measurement.or(exercise).or(nutrition) {
        let content: Value =
            serde_json::from_str(content.get()).map_err(|_| StoreError::Corrupt("a record"))?;
        leaves("", &content, &mut fields);
    }
    if fields.is_empty() {
        fields.push(Default::default());
    }
    let (source, source_id) = match source {
        Source::Partner { partner, id } => (partner, id),
        Source::App { app } => ("app".to_owned(), app),
    };
    let end = end.unwrap_or_default();
    for (field, value) in fields {
        let cells = [
            id.to_string(),
            kind.clone(),
            start.clone(),
            end.clone(),
            source.clone(),
            as_text(source_id.clone()),
            deleted.to_string(),
            field,
            value,
        ];
        row(text, &cells)?;
    }
    Ok(())
}

/// The values in a record, each with its path: `heart_rate.average`.
fn leaves(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Null => {}
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| leaves(&below(name), value, found));
        }
        Value::Array(items) => {
            let numbered = items.iter().enumerate();
            numbered.for_each(|(number, value)| leaves(&below(&number.to_string()), value, found));
        }
        Value::String(text) => found.push((path.to_owned(), as_text(text.clone()))),
        Value::Number(_) | Value::Bool(_) => found.push((path.to_owned(), value.to_string())),
    }
}

/// A text that spreadsheets do not take for a formula.
fn as_text(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

fn row(text: &mut Vec<u8>, cells: &[String]) -> Result<(), StoreError> {
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(&mut *text);
    let written = writer.write_record(cells).and_then(|()| Ok(writer.flush()?));
    written.map_err(|_| StoreError::Corrupt("an export"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_is_a_row_and_no_text_a_formula() {
        let mut found = Vec::new();
        let record = json!({"type": "run", "note": "=HYPERLINK(\"x\")", "steps": -3, "rest": null,
            "heart_rate": {"average": 120.5}, "laps": [{"m": 400}]});
        leaves("", &record, &mut found);
        found.sort();
        let found: Vec<_> =
            found.iter().map(|(path, value)| (path.as_str(), value.as_str())).collect();
        let wanted = [
            ("heart_rate.average", "120.5"),
            ("laps.0.m", "400"),
            ("note", "'=HYPERLINK(\"x\")"),
            ("steps", "-3"),
            ("type", "run"),
        ];
        assert_eq!(found, wanted);
        let mut text = Vec::new();
        row(&mut text, &["a,b".to_owned(), "say \"no\"\nnow".to_owned()]).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "\"a,b\",\"say \"\"no\"\"\nnow\"\r\n");
    }
}
