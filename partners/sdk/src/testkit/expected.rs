//! Expected records, written by hand, and their comparison with what a partner returned.

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::moment::Moment;
use crate::record::{RejectedRecord, RemoteRecord};

/// The expected result of a feed's fixture.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    records: Vec<Value>,
    #[serde(default)]
    deleted: Vec<String>,
    #[serde(default)]
    refused: Vec<Option<String>>,
}

impl Expected {
    pub(super) fn read(json: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(json)
            .map_err(|error| format!("the expected records are not JSON: {error}"))?;
        match value {
            Value::Array(records) => Ok(Self::of(records)),
            value => serde_json::from_value(value)
                .map_err(|error| format!("the expected records are not as documented: {error}")),
        }
    }

    /// These records and nothing else.
    pub(super) fn of(records: Vec<Value>) -> Self {
        Self { records, ..Self::default() }
    }

    /// Compares with the actual result, in any order.
    pub(super) fn compare(
        &self,
        records: &[Value],
        deleted: &[String],
        refused: &[RejectedRecord],
    ) -> Result<(), String> {
        let expected: Vec<Value> = self.records.iter().cloned().map(normalised).collect();
        let found: Vec<Value> = records.iter().cloned().map(normalised).collect();
        for record in &expected {
            let id = &record["source_id"];
            if found.contains(record) {
                continue;
            }
            return Err(match found.iter().find(|other| other["source_id"] == *id) {
                Some(other) => format!("expected {record}, got {other}"),
                None => format!("no record {id} came; expected {record}"),
            });
        }
        if let Some(unexpected) = found.iter().find(|record| !expected.contains(record)) {
            return Err(format!("came unexpectedly: {unexpected}"));
        }
        if found.len() != expected.len() {
            return Err(format!("{} records came instead of {}", found.len(), expected.len()));
        }
        let reasons = || {
            refused
                .iter()
                .map(|it| format!("{:?}: {}", it.source_id, it.reason))
                .collect::<Vec<_>>()
        };
        let refused_ids = refused.iter().map(|refused| refused.source_id.clone()).collect();
        if sorted(refused_ids) != sorted(self.refused.clone()) {
            return Err(format!("expected to be refused: {:?}, got {:?}", self.refused, reasons()));
        }
        if sorted(deleted.to_vec()) != sorted(self.deleted.clone()) {
            return Err(format!("expected to be deleted: {:?}, got {deleted:?}", self.deleted));
        }
        Ok(())
    }
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort();
    list
}

/// Converts a record to the form of the expected ones.
pub(super) fn describe(record: &RemoteRecord) -> Value {
    let at = |moment: &Moment| moment.at.to_rfc3339();
    json!({
        "source_id": record.source_id,
        "group": record.group,
        "start": at(&record.start),
        "end": record.end.as_ref().map(at),
        "modified": record.modified.map(|at| at.to_rfc3339()),
        "time_basis": record.start.basis,
        "kind": record.body.record_kind(),
        "content": record.body.to_json(),
    })
}

/// Normalizes equivalent JSON: no nulls, one form of times, floats.
pub(super) fn normalised(record: Value) -> Value {
    match record {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            let respelled = fields.map(|(key, value)| match (key.as_str(), &value) {
                ("start" | "end" | "modified", Value::String(text)) => (key, time(text)),
                _ => (key, normalised(value)),
            });
            Value::Object(respelled.collect::<Map<_, _>>())
        }
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        other => other,
    }
}

fn time(text: &str) -> Value {
    match text.parse::<DateTime<FixedOffset>>() {
        Ok(time) => time.to_rfc3339().into(),
        Err(_) => text.into(),
    }
}
