//! The input of the suite for one record that is written to a partner.

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;
use serde_json::Value;

use super::Expect;
use super::expected::{Expected, normalised};
use super::server::Canned;
use crate::{Body, Moment, RecordData, RemoteRef, TimeBasis};

/// A record that is written, changed, deleted and looked up at the partner; for
/// [`Conformance::push`](super::Conformance::push).
///
/// The records are JSON in the form of the [expected ones](super#the-expected-records): `data`, as
/// stored here; `there`, as the partner has it after the write; and `find_existing`, what is found
/// around its time (by default only `there`).
///
/// ```json
/// {"data": {"start": "2026-03-04T06:15:00+02:00", "kind": "measurement",
///            "content": {"type": "weight", "value": 78.12, "unit": "kg"}},
///  "there": {"source_id": "5010203040:weight", "group": "5010203040",
///            "start": "2026-03-04T06:15:00+02:00", "time_basis": "exact", "kind": "measurement",
///            "content": {"type": "weight", "value": 78.1, "unit": "kg"}}}
/// ```
///
/// Each action has the responses to its calls, and what each call must contain, in the form
/// `METHOD /path?query content/type body`, where `…` matches anything.
#[derive(Clone, Debug)]
#[must_use = "give it to `Conformance::push`"]
pub struct PushFixture {
    records: String,
    pub(super) create: Option<Script>,
    pub(super) update: Option<Script>,
    pub(super) delete: Option<Script>,
    pub(super) find_existing: Option<Script>,
    pub(super) refused: Vec<(String, Canned)>,
    pub(super) missing: Canned,
    pub(super) missing_at: Option<usize>,
    pub(super) overrides: Vec<(String, Expect)>,
}

/// The calls of one action.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) answers: Vec<Canned>,
    pub(super) requests: Vec<String>,
}

impl Script {
    fn new(answers: &[Canned], requests: &[&str]) -> Self {
        let requests = requests.iter().map(|text| (*text).to_owned()).collect();
        Self { answers: answers.to_vec(), requests }
    }
}

impl PushFixture {
    /// Creates a fixture of these records, without any action yet.
    pub fn new(records: &str) -> Self {
        Self {
            records: records.to_owned(),
            create: None,
            update: None,
            delete: None,
            find_existing: None,
            refused: Vec::new(),
            missing: Canned::json(404, "{}"),
            missing_at: None,
            overrides: Vec::new(),
        }
    }

    /// `data` is created at the partner, which results in `there`.
    pub fn create(self, answers: &[Canned], requests: &[&str]) -> Self {
        Self { create: Some(Script::new(answers, requests)), ..self }
    }

    /// What the partner has as `there` is changed to `data`, which results in `there`.
    pub fn update(self, answers: &[Canned], requests: &[&str]) -> Self {
        Self { update: Some(Script::new(answers, requests)), ..self }
    }

    /// What the partner has as `there` is deleted.
    pub fn delete(self, answers: &[Canned], requests: &[&str]) -> Self {
        Self { delete: Some(Script::new(answers, requests)), ..self }
    }

    /// What the partner has around the time of `data` is looked up: `find_existing`.
    pub fn find_existing(self, answers: &[Canned], requests: &[&str]) -> Self {
        Self { find_existing: Some(Script::new(answers, requests)), ..self }
    }

    /// A response to a write that the partner will never accept. Each fixture that creates or
    /// updates needs one.
    pub fn refused(mut self, case: &str, answer: Canned) -> Self {
        self.refused.push((case.to_owned(), answer));
        self
    }

    /// The response to an update or a deletion of what does not exist; 404 by default.
    pub fn missing(self, answer: Canned) -> Self {
        Self { missing: answer, ..self }
    }

    /// The same, if only one call of the action, counted from 0, reports it.
    pub fn missing_at(self, call: usize, answer: Canned) -> Self {
        Self { missing: answer, missing_at: Some(call), ..self }
    }

    /// As [`Conformance::instead`](super::Conformance::instead), for the calls of this fixture.
    pub fn instead(mut self, case: &str, expect: Expect) -> Self {
        self.overrides.push((case.to_owned(), expect));
        self
    }

    /// The documents whose values must not appear in a text.
    pub(super) fn documents(&self) -> impl Iterator<Item = String> {
        let scripts = [&self.create, &self.update, &self.delete, &self.find_existing];
        let answers = scripts.into_iter().flatten().flat_map(|script| &script.answers);
        answers.map(Canned::body_text).chain([self.records.clone()])
    }

    pub(super) fn records(&self) -> Result<PushRecords, String> {
        PushRecords::read(&self.records)
    }
}

/// The records of a fixture.
#[derive(Debug)]
pub(super) struct PushRecords {
    pub(super) data: RecordData,
    pub(super) there: Value,
    pub(super) remote_ref: RemoteRef,
    pub(super) find_existing: Vec<Value>,
}

impl PushRecords {
    fn read(json: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Records {
            data: Value,
            there: Value,
            find_existing: Option<Vec<Value>>,
        }
        let Records { data, there, find_existing } = serde_json::from_str(json)
            .map_err(|error| format!("the records are not as documented: {error}"))?;
        let text = |name: &str| there.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        let source_id = text("source_id").ok_or("`there` has no source_id")?;
        let remote_ref = RemoteRef { source_id, group: text("group") };
        let find_existing = find_existing.unwrap_or_else(|| vec![there.clone()]);
        Ok(Self { data: read_data(data)?, there, remote_ref, find_existing })
    }

    /// Compares with the result of a push.
    pub(super) fn compare(&self, found: Value) -> Result<(), String> {
        Expected::of(vec![self.there.clone()]).compare(&[found], &[], &[])
    }

    /// Checks that the push and the look-up give the same record. `modified` is ignored: only
    /// partners that respond to a write with the item report it.
    pub(super) fn find_existing_shows_it(&self) -> Result<(), String> {
        let untimed = |record: &Value| {
            let mut record = normalised(record.clone());
            record.as_object_mut().map(|fields| fields.remove("modified"));
            record
        };
        if self.find_existing.iter().any(|record| untimed(record) == untimed(&self.there)) {
            return Ok(());
        }
        Err("`find_existing` of the fixture does not hold `there`: a write would be made twice"
            .to_owned())
    }
}

fn read_data(json: Value) -> Result<RecordData, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Fields {
        start: DateTime<FixedOffset>,
        end: Option<DateTime<FixedOffset>>,
        time_basis: Option<TimeBasis>,
        kind: String,
        content: Value,
    }
    let not_documented = |error: String| format!("the data is not as documented: {error}");
    let fields: Fields =
        serde_json::from_value(json).map_err(|error| not_documented(error.to_string()))?;
    let body = Body::from_json(&fields.kind, &fields.content)
        .filter(|body| normalised(body.to_json()) == normalised(fields.content.clone()))
        .ok_or_else(|| not_documented("its content is not that of its kind".to_owned()))?;
    let basis = fields.time_basis.unwrap_or(TimeBasis::Exact);
    let moment = |at| Moment { at, basis };
    Ok(RecordData { start: moment(fields.start), end: fields.end.map(moment), body })
}
