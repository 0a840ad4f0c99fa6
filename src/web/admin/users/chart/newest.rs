//! The newest records of a kind, each in a line.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::model::{RecordId, UserId};
use crate::store::{PointsOf, RecordFilter, StoredRecord};
use crate::web::admin::users::record::whereabouts;
use crate::web::api::own_records::RecordDetail;
use crate::web::{Problem, State};

/// How many are shown.
const SHOWN: i64 = 10;

/// A record in a line.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct NewestRecord {
    #[schema(value_type = String, format = "uuid")]
    pub(in crate::web) record_id: RecordId,
    /// When it was measured or began.
    pub(in crate::web) at: DateTime<Utc>,
    /// What it says.
    #[schema(example = "71.3 kg")]
    pub(in crate::web) says: String,
    /// Where it is from and where else it is. What was pushed and recognised is one record.
    #[schema(example = "from RunKeeper, also at Strava")]
    pub(in crate::web) whereabouts: String,
}

/// The newest records of a user.
pub(super) async fn newest(
    state: &State,
    user: &UserId,
    of: PointsOf,
) -> Result<Vec<NewestRecord>, Problem> {
    let filter = match of {
        PointsOf::Measurement(name) => {
            RecordFilter { measurement_types: vec![name], ..RecordFilter::default() }
        }
        PointsOf::Kind(kind) => {
            RecordFilter { kind: Some(kind.to_owned()), ..RecordFilter::default() }
        }
    };
    let filter = RecordFilter { is_newest_first: true, ..filter };
    let found = state.store().records(user.clone(), filter, SHOWN).await?;
    let mut newest = Vec::with_capacity(found.rows.len());
    for record in found.rows {
        let (record_id, at, says) = (record.id.clone(), record.start.to_utc(), says(&record));
        let Some(whole) = state.store().record(user.clone(), record_id.clone()).await? else {
            continue;
        };
        let whereabouts = whereabouts(state, &RecordDetail::new(whole, &state.directory));
        newest.push(NewestRecord { record_id, at, says, whereabouts });
    }
    Ok(newest)
}

/// What a record says, in some words.
pub(in crate::web) fn says(record: &StoredRecord) -> String {
    let content: Value = serde_json::from_str(record.content.get()).unwrap_or_default();
    let text = |field: &str| content.get(field).and_then(Value::as_str).unwrap_or_default();
    let number = |field: &str| content.get(field).and_then(Value::as_f64);
    let parts = match record.kind.as_str() {
        "measurement" => {
            let value = content.get("value").map(Value::to_string).unwrap_or_default();
            return format!("{value} {}", text("unit"));
        }
        "exercise" => {
            let activity = match text("activity") {
                "other" if !text("activity_original").is_empty() => text("activity_original"),
                activity => activity,
            };
            [
                Some(in_words(activity)),
                number("duration_s").map(|seconds| format!("{:.0} min", seconds / 60.0)),
                number("distance_m").map(|metres| format!("{:.1} km", metres / 1_000.0)),
            ]
        }
        _ => [
            Some(in_words(text("meal"))),
            Some(text("name").to_owned()).filter(|name| !name.is_empty()),
            number("energy_kcal").map(|energy| format!("{energy:.0} kcal")),
        ],
    };
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// `trail_running` as "Trail running".
pub(in crate::web) fn in_words(name: &str) -> String {
    let text = name.replace('_', " ");
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
