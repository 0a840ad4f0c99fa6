//! Lists records.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::model::{RecordId, UserId};
use crate::store::{RecordFilter, StoredRecord};
use crate::web::auth::AppKey;
use crate::web::{Problem, State, paging};

/// A record. Exactly one of `measurement`, `exercise` and `nutrition` is present, as `kind` says.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RecordView {
    /// A UUIDv7.
    #[schema(value_type = String)]
    id: RecordId,
    #[schema(value_type = String)]
    user_id: UserId,
    /// `measurement`, `exercise` or `nutrition`.
    kind: String,
    source: Source,
    /// When the measurement was taken, or when the exercise or meal began: RFC 3339, with the local
    /// UTC offset.
    start: String,
    end: Option<String>,
    /// `exact`, or `local` if the partner reports only wall time; the offset then comes from the
    /// connection's time zone.
    time_basis: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, example = json!({"type": "weight", "value": 78.12, "unit": "kg"}))]
    measurement: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    exercise: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    nutrition: Option<Box<RawValue>>,
    updated_at: String,
    deleted: bool,
}

/// The source of a record.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum Source {
    /// The partner, and its id of the record.
    Partner { partner: String, id: String },
    /// The host app's own id of the record.
    App { app: String },
}

impl From<StoredRecord> for RecordView {
    fn from(record: StoredRecord) -> Self {
        let source = match record.source_partner {
            Some(partner) => Source::Partner { partner, id: record.source_id },
            None => Source::App { app: record.source_id },
        };
        let mut content = Some(record.content);
        let mut of = |kind| content.take_if(|_| record.kind == kind);
        Self {
            measurement: of("measurement"),
            exercise: of("exercise"),
            nutrition: of("nutrition"),
            id: record.id,
            user_id: record.user_id,
            source,
            start: record.start.to_rfc3339(),
            end: record.end.map(|end| end.to_rfc3339()),
            time_basis: record.time_basis,
            updated_at: record.updated_at.to_rfc3339_opts(SecondsFormat::Millis, true),
            deleted: record.deleted,
            kind: record.kind,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct RecordList {
    records: Vec<RecordView>,
    next_cursor: Option<String>,
}

/// The kinds of records, as a filter.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum RecordKind {
    Measurement,
    Exercise,
    Nutrition,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Only records of this kind.
    #[param(inline)]
    kind: Option<RecordKind>,
    /// Only measurements of this type, e.g. `weight`.
    #[serde(rename = "type")]
    measurement_type: Option<String>,
    /// Only records that start at or after this time, in a year from 1900 to 9999.
    from: Option<DateTime<Utc>>,
    /// Only records that start before this time, in a year from 1900 to 9999.
    to: Option<DateTime<Utc>>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
    /// The maximum number of records, 1 to 1000. Default 100.
    limit: Option<u32>,
}

impl Asked {
    fn filter(&self) -> Result<RecordFilter, Problem> {
        if let Some(name) = &self.measurement_type
            && !partner_sdk::MeasurementType::ALL.iter().any(|known| known.name() == name)
        {
            return Err(Problem::bad_request(
                "bad-query",
                format!("type: there is no measurement type `{name}`"),
            ));
        }
        let kind = self.kind.map(|kind| match kind {
            RecordKind::Measurement => "measurement",
            RecordKind::Exercise => "exercise",
            RecordKind::Nutrition => "nutrition",
        });
        let after = self.cursor.as_deref().map(|cursor| {
            let (start, id) = cursor.split_once('.').ok_or_else(paging::bad_cursor)?;
            if !RecordId(id.to_owned()).is_possible() {
                return Err(paging::bad_cursor());
            }
            Ok::<_, Problem>((paging::number(start)?, id.to_owned()))
        });
        Ok(RecordFilter {
            kind: kind.map(str::to_owned),
            measurement_type: self.measurement_type.clone(),
            from: in_range("from", self.from)?,
            to: in_range("to", self.to)?,
            after: after.transpose()?,
        })
    }
}

/// RFC 3339 has four digits for a year; there are no records from before 1900.
fn in_range(name: &str, at: Option<DateTime<Utc>>) -> Result<Option<DateTime<Utc>>, Problem> {
    if at.is_none_or(|at| (1900..=9999).contains(&at.year())) {
        return Ok(at);
    }
    Err(Problem::bad_request("bad-query", format!("{name} lies in a year from 1900 to 9999")))
}

/// Lists the records of a user, oldest start first.
#[utoipa::path(operation_id = "list_records", tag = "data", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), Asked),
    responses((status = 200, description = "A page of records", body = RecordList)))]
#[get("/v1/users/{user}/records")]
pub(super) async fn list(
    _: AppKey,
    user: web::Path<UserId>,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let limit = paging::limit(asked.limit)?;
    let (user, filter) = (user.into_inner(), asked.filter()?);
    let records = state.store().records(user, filter, limit).await?;
    let next_cursor = paging::next(&records, |record| {
        let (start, id) = record.place();
        format!("{start}.{id}")
    });
    let records = records.rows.into_iter().map(RecordView::from).collect();
    Ok(HttpResponse::Ok().json(RecordList { records, next_cursor }))
}
