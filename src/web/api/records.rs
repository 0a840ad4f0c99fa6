//! Lists records.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, SecondsFormat, Utc};
use partner_sdk::MeasurementType;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::model::{RecordId, RecordKind, TimeBasis, UserId};
use crate::store::{RecordFilter, RecordSource, StoredRecord};
use crate::web::auth::AppKey;
use crate::web::openapi::records::{Exercise, Measurement, MeasurementTypeWord, Nutrition};
use crate::web::{Problem, State, paging};

/// A record. Exactly one of `measurement`, `exercise` and `nutrition` is present, as `kind` says.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "01a200e2-532c-73fe-83a7-fce8c8c624ea", "user_id": "ann", "kind": "measurement", "source": {"partner": "withings", "id": "3129822054:weight"}, "start": "2026-09-23T04:00:30+03:00", "end": null, "time_basis": "exact", "measurement": {"type": "weight", "unit": "kg", "value": 67.268}, "updated_at": "2026-11-22T01:32:42.121Z", "deleted": false}))]
pub(in crate::web) struct RecordView {
    /// A UUIDv7.
    #[schema(value_type = String, format = "uuid")]
    pub(in crate::web) id: RecordId,
    #[schema(value_type = String)]
    pub(in crate::web) user_id: UserId,
    #[schema(value_type = RecordKind)]
    pub(in crate::web) kind: String,
    pub(in crate::web) source: Source,
    /// When the measurement was taken, or when the exercise or meal began: RFC 3339, with the local
    /// UTC offset.
    #[schema(format = DateTime)]
    pub(in crate::web) start: String,
    #[schema(format = DateTime)]
    pub(in crate::web) end: Option<String>,
    #[schema(value_type = TimeBasis)]
    pub(in crate::web) time_basis: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Measurement, required = false)]
    pub(in crate::web) measurement: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Exercise, required = false)]
    pub(in crate::web) exercise: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Nutrition, required = false)]
    pub(in crate::web) nutrition: Option<Box<RawValue>>,
    #[schema(format = DateTime)]
    pub(in crate::web) updated_at: String,
    pub(in crate::web) deleted: bool,
}

/// The source of a record.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(in crate::web) enum Source {
    /// The partner, and its id of the record.
    Partner { partner: String, id: String },
    /// The host app's own id of the record.
    App { app: String },
}

/// The source of a record as [`RecordView`] shows it.
pub(super) fn source_of(record: &StoredRecord) -> serde_json::Value {
    let source = match record.source_partner.clone() {
        Some(partner) => Source::Partner { partner, id: record.source_id.clone() },
        None => Source::App { app: record.source_id.clone() },
    };
    serde_json::to_value(source).unwrap_or_default()
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

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Order {
    /// Oldest start first.
    #[default]
    Asc,
    /// Newest start first.
    Desc,
}

/// Records that no partner brought.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum OwnSource {
    App,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Only records of this kind.
    kind: Option<RecordKind>,
    /// Only measurements of this type, or of these: `weight`, or `weight,height`.
    #[serde(rename = "type")]
    #[param(style = Form, explode = false, value_type = Option<Vec<MeasurementTypeWord>>)]
    measurement_types: Option<String>,
    /// Only records that this installed partner brought.
    #[param(example = "withings")]
    partner: Option<String>,
    /// `app` for only the host app's own records.
    #[param(inline)]
    source: Option<OwnSource>,
    /// Only records that start at or after this time. A `+` is `%2B` in an address.
    from: Option<DateTime<Utc>>,
    /// Only records that start before this time.
    to: Option<DateTime<Utc>>,
    /// `desc` for the newest start first. Default `asc`.
    #[param(inline)]
    order: Option<Order>,
    /// The `next_cursor` of the previous page.
    #[param(max_length = 512)]
    cursor: Option<String>,
    /// The maximum number of records.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

impl Asked {
    fn filter(&self, state: &State) -> Result<RecordFilter, Problem> {
        let measurement_types = self.measurement_types()?;
        if !measurement_types.is_empty()
            && let Some(kind @ (RecordKind::Exercise | RecordKind::Nutrition)) = self.kind
        {
            let kind = kind.name();
            let why = format!("type: only measurements have a type, and kind is `{kind}`");
            return Err(bad_query(why));
        }
        let source = match (&self.partner, self.source) {
            (Some(_), Some(OwnSource::App)) => {
                return Err(bad_query("partner: it brought none of the records of source=app"));
            }
            (Some(name), None) => {
                Some(RecordSource::Partner(paging::partner(state, name)?.to_owned()))
            }
            (None, source) => source.map(|OwnSource::App| RecordSource::App),
        };
        let (from, to) = (self.from, self.to);
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            return Err(bad_query("from: it is after to"));
        }
        let after = self.cursor.as_deref().map(|cursor| {
            let (start, id) = cursor.split_once('.').ok_or_else(paging::bad_cursor)?;
            if !RecordId(id.to_owned()).is_possible() {
                return Err(paging::bad_cursor());
            }
            Ok::<_, Problem>((paging::number(start)?, id.to_owned()))
        });
        Ok(RecordFilter {
            kind: self.kind.map(|kind| kind.name().to_owned()),
            measurement_types,
            source,
            from,
            to,
            after: after.transpose()?,
            is_newest_first: self.order == Some(Order::Desc),
            with_deleted: false,
        })
    }

    fn measurement_types(&self) -> Result<Vec<&'static str>, Problem> {
        let Some(names) = &self.measurement_types else { return Ok(Vec::new()) };
        let all = MeasurementType::ALL;
        let of = |name: &str| {
            let known = all.iter().map(|known| known.name()).find(|known| *known == name);
            known.ok_or_else(|| {
                let known: Vec<_> = all.iter().map(|known| known.name()).collect();
                let known = known.join(", ");
                bad_query(format!(
                    "type: there is no measurement type `{name}`; there are: {known}"
                ))
            })
        };
        names.split(',').map(of).collect()
    }
}

fn bad_query(why: impl Into<String>) -> Problem {
    Problem::bad_request("bad-query", why)
}

/// Lists the records of a user by start, oldest first unless `order=desc` asks for the newest. The
/// latest weight is `?type=weight&order=desc&limit=1`.
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
    let (user, filter) = (user.into_inner(), asked.filter(&state)?);
    let records = state.store().records(user, filter, limit).await?;
    let next_cursor = paging::next(&records, |record| {
        let (start, id) = record.place();
        format!("{start}.{id}")
    });
    let records = records.rows.into_iter().map(RecordView::from).collect();
    Ok(HttpResponse::Ok().json(RecordList { records, next_cursor }))
}
