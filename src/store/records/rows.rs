//! Rows of records and their contents.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use partner_sdk::{Body, Kind, Moment, RecordData, TimeBasis};
use serde_json::{Value, json};

use crate::model::{DeletedBy, RecordId, UserId};
use crate::store::StoreError;
use crate::store::sql::db::Db;
use crate::store::sql::schema::records;
use crate::store::sql::time::{from_micros, to_micros, with_offset};
use crate::sync::items::fingerprint;

/// How many ids one statement names; databases limit the number of parameters.
pub(in crate::store) const BATCH: usize = 500;

/// How many rows, of at most 32 columns each, one statement inserts.
pub(in crate::store) const INSERTED: usize = 1_000;

/// The origin of a record: a partner (`None`: the host app) and the record's id there.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Origin<'a> {
    pub(in crate::store) partner: Option<&'a str>,
    pub(in crate::store) id: &'a str,
}

/// A record to write.
#[derive(Insertable)]
#[diesel(table_name = records, treat_none_as_default_value = false)]
pub(in crate::store) struct NewRecord<'a> {
    id: RecordId,
    user_id: &'a UserId,
    source_partner: Option<&'a str>,
    source_id: &'a str,
    #[diesel(embed)]
    said: Said<'a>,
}

/// The content of a record, to write.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = records, treat_none_as_null = true, treat_none_as_default_value = false)]
pub(in crate::store) struct Said<'a> {
    kind: &'a str,
    measurement_type: Option<&'a str>,
    start_at: i64,
    start_offset: i32,
    end_at: Option<i64>,
    end_offset: Option<i32>,
    time_basis: &'a str,
    content: String,
    updated_at: i64,
    deleted: bool,
    deleted_by: Option<&'a str>,
}

impl Said<'_> {
    pub(in crate::store) fn new(data: &RecordData, now: DateTime<Utc>) -> Self {
        let end = data.end.map(|end| end.at);
        Self {
            kind: data.body.record_kind(),
            measurement_type: match &data.body {
                Body::Measurement(measurement) => Some(measurement.r#type.name()),
                Body::Exercise(_) | Body::Nutrition(_) => None,
            },
            start_at: to_micros(data.start.at.to_utc()),
            start_offset: data.start.at.offset().local_minus_utc(),
            end_at: end.map(|end| to_micros(end.to_utc())),
            end_offset: end.map(|end| end.offset().local_minus_utc()),
            time_basis: basis_name(data.start.basis),
            content: data.body.to_json().to_string(),
            updated_at: to_micros(now),
            deleted: false,
            deleted_by: None,
        }
    }
}

impl<'a> NewRecord<'a> {
    pub(in crate::store) fn new(
        id: RecordId,
        user_id: &'a UserId,
        origin: Origin<'a>,
        data: &RecordData,
        now: DateTime<Utc>,
    ) -> Self {
        let said = Said::new(data, now);
        Self { id, user_id, source_partner: origin.partner, source_id: origin.id, said }
    }
}

/// The parts of a record that its links to partners need.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = records)]
pub(in crate::store) struct Content {
    pub(in crate::store) id: RecordId,
    pub(in crate::store) source_partner: Option<String>,
    kind: String,
    measurement_type: Option<String>,
    start_at: i64,
    start_offset: i32,
    end_at: Option<i64>,
    end_offset: Option<i32>,
    time_basis: String,
    content: String,
    updated_at: i64,
    pub(in crate::store) deleted: bool,
    pub(in crate::store) deleted_by: Option<String>,
}

impl Content {
    /// When it last changed here.
    pub(in crate::store) fn updated_at(&self) -> DateTime<Utc> {
        from_micros(self.updated_at)
    }

    pub(in crate::store) fn data(&self) -> Result<RecordData, StoreError> {
        let corrupt = StoreError::Corrupt("record");
        let content =
            serde_json::from_str(&self.content).map_err(|_| StoreError::Corrupt("record"))?;
        let basis = basis(&self.time_basis);
        let moment = |at, offset| Moment { at: with_offset(at, offset), basis };
        Ok(RecordData {
            start: moment(self.start_at, self.start_offset),
            end: self.end_at.map(|at| moment(at, self.end_offset.unwrap_or_default())),
            body: Body::from_json(&self.kind, &content).ok_or(corrupt)?,
        })
    }

    /// Whether it says something else.
    pub(in crate::store) fn differs_from(&self, data: &RecordData) -> Result<bool, StoreError> {
        Ok(fingerprint(&self.data()?) != fingerprint(data))
    }

    pub(in crate::store) fn is_lost_at_a_partner(&self) -> bool {
        self.deleted && self.deleted_by.as_deref() == Some(DeletedBy::Partner.name())
    }

    /// The name of its kind in the users' switches.
    pub(in crate::store) fn kind_name(&self) -> &str {
        self.measurement_type.as_deref().unwrap_or(&self.kind)
    }
}

/// The records with these ids.
pub(in crate::store) fn load(db: &mut Db, ids: &[RecordId]) -> Result<Vec<Content>, StoreError> {
    let mut found = Vec::new();
    for ids in ids.chunks(BATCH) {
        let chosen = records::table.filter(records::id.eq_any(ids));
        found.extend(chosen.select(Content::as_select()).load::<Content>(db)?);
    }
    Ok(found)
}

/// Overwrites the content of a record.
pub(in crate::store) fn rewrite(
    db: &mut Db,
    id: &RecordId,
    data: &RecordData,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    diesel::update(records::table.find(id)).set(Said::new(data, now)).execute(db)?;
    Ok(())
}

/// Sets a record to deleted.
pub(in crate::store) fn delete(
    db: &mut Db,
    id: &RecordId,
    by: DeletedBy,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    diesel::update(records::table.find(id))
        .set((
            records::deleted.eq(true),
            records::deleted_by.eq(by.name()),
            records::updated_at.eq(to_micros(now)),
        ))
        .execute(db)?;
    Ok(())
}

pub(in crate::store) fn basis_name(basis: TimeBasis) -> &'static str {
    match basis {
        TimeBasis::Exact => "exact",
        TimeBasis::Local => "local",
    }
}

fn basis(name: &str) -> TimeBasis {
    if name == "local" { TimeBasis::Local } else { TimeBasis::Exact }
}

/// The columns that identify a kind, for a filter: its `kind` and its type.
pub(in crate::store) fn kind_columns(kind: Kind) -> (&'static str, Option<&'static str>) {
    match kind {
        Kind::Measurement(measurement) => ("measurement", Some(measurement.name())),
        Kind::Exercise => ("exercise", None),
        Kind::Nutrition => ("nutrition", None),
    }
}

/// Record data as text, for storing what a partner shows of a record.
pub(in crate::store) fn to_text(data: &RecordData) -> String {
    to_value(data).to_string()
}

/// Record data as the API shows it.
pub(in crate::store) fn to_value(data: &RecordData) -> Value {
    json!({
        "start": data.start.at.to_rfc3339(),
        "end": data.end.map(|end| end.at.to_rfc3339()),
        "time_basis": basis_name(data.start.basis),
        "kind": data.body.record_kind(),
        data.body.record_kind(): data.body.to_json(),
    })
}

/// Reads what [`to_text`] wrote.
pub(in crate::store) fn from_text(text: &str) -> Option<RecordData> {
    let value: Value = serde_json::from_str(text).ok()?;
    let word = |name: &str| value.get(name).and_then(Value::as_str);
    let kind = word("kind")?;
    let basis = basis(word("time_basis")?);
    let moment = |text: &str| Some(Moment { at: text.parse().ok()?, basis });
    Some(RecordData {
        start: moment(word("start")?)?,
        end: word("end").and_then(moment),
        body: Body::from_json(kind, value.get(kind)?)?,
    })
}
