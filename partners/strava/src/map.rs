//! Maps Strava's activities to records, and back.

use partner_sdk::chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use partner_sdk::rust_decimal::Decimal;
use partner_sdk::rust_decimal::prelude::ToPrimitive;
use partner_sdk::serde_json::{self, Value};
use partner_sdk::{
    Body, Exercise, Moment, Number, Page, PartnerError, PushRequest, RejectedRecord, RemoteRecord,
    Tz,
};
use serde::Deserialize;

use crate::sports;

/// An activity. API reference, "DetailedActivity": metres and seconds. `kilojoules` is the work
/// done on a bicycle and not the energy burnt, which is `calories`. Numbers that are not needed are
/// not read: `upload_id` may be larger than 64 bits (seen in the reference itself).
#[derive(Deserialize)]
struct DetailedActivity {
    id: u64,
    #[serde(default)]
    sport_type: Option<String>,
    #[serde(default)]
    r#type: Option<String>,
    start_date: DateTime<Utc>,
    #[serde(default)]
    utc_offset: Option<Number>,
    #[serde(default)]
    elapsed_time: Option<Number>,
    #[serde(default)]
    moving_time: Option<Number>,
    #[serde(default)]
    distance: Option<Number>,
    #[serde(default)]
    average_heartrate: Option<Number>,
    #[serde(default)]
    calories: Option<Number>,
}

/// Returns the id of a raw activity, if it can be read.
pub(crate) fn source_id(raw: &Value) -> Option<String> {
    raw.get("id")?.as_u64().map(|id| id.to_string())
}

/// Reads the details of an activity into `page`.
pub(crate) fn add(page: &mut Page, details: Value, zone: Tz) {
    let read = |activity| vec![read(activity, zone)];
    page.read_each(vec![details], source_id, read);
}

/// Reads the details of an activity.
pub(crate) fn activity(details: Value, zone: Tz) -> Result<RemoteRecord, RejectedRecord> {
    let source_id = source_id(&details);
    let unread =
        |_| RejectedRecord { source_id, reason: "it is not of the documented form".into() };
    read(serde_json::from_value(details).map_err(unread)?, zone)
}

fn read(activity: DetailedActivity, zone: Tz) -> Result<RemoteRecord, RejectedRecord> {
    let id = activity.id.to_string();
    let start = start(activity.start_date, activity.utc_offset, zone);
    let elapsed = activity.elapsed_time.and_then(Number::round).and_then(TimeDelta::try_seconds);
    let end = match elapsed {
        Some(elapsed) => {
            let beyond = || RejectedRecord::new(id.clone(), "its end lies beyond the calendar");
            Some(start.checked_add_signed(elapsed).ok_or_else(beyond)?)
        }
        None => None,
    };
    // `sport_type` replaces `type`, which has fewer values.
    let word = activity.sport_type.or(activity.r#type).unwrap_or_else(|| "Workout".to_owned());
    let exercise = Exercise {
        activity: sports::activity(&word),
        activity_original: word,
        duration_s: measured(activity.moving_time).or_else(|| measured(activity.elapsed_time)),
        energy_kcal: measured(activity.calories),
        distance_m: measured(activity.distance),
        steps: None,
        avg_heart_rate: measured(activity.average_heartrate),
    };
    Ok(RemoteRecord {
        source_id: id,
        group: None,
        start: Moment::exact(start),
        end: end.map(Moment::exact),
        modified: None,
        body: Body::Exercise(exercise),
    })
}

/// Seen in the field: `start_date_local` is wall time with a false `Z`, and the offset in the text
/// of `timezone` is the winter offset. `utc_offset`, in seconds, is the real one.
fn start(start: DateTime<Utc>, utc_offset: Option<Number>, zone: Tz) -> DateTime<FixedOffset> {
    let seconds =
        utc_offset.and_then(Number::round).and_then(|seconds| i32::try_from(seconds).ok());
    match seconds.and_then(FixedOffset::east_opt) {
        Some(offset) => start.with_timezone(&offset),
        None => start.with_timezone(&zone).fixed_offset(),
    }
}

/// Zero means not measured (seen in the field).
fn measured(number: Option<Number>) -> Option<Decimal> {
    number.map(Decimal::from).filter(|value| !value.is_zero())
}

/// Returns the form that creates an activity (API reference, "Create an Activity"). Energy and
/// heart rate cannot be written.
pub(crate) fn form(request: &PushRequest) -> Result<Vec<(&'static str, String)>, PartnerError> {
    let Body::Exercise(exercise) = &request.record.body else {
        return Err(PartnerError::Rejected("Strava takes activities alone".into()));
    };
    let start = request.record.start.at;
    let lasted = request.record.end.map(|end| (end.at - start).num_seconds().into());
    let seconds = exercise.duration_s.or(lasted).map(|seconds| seconds.round());
    let seconds = seconds.and_then(|seconds| seconds.to_i64()).filter(|seconds| *seconds > 0);
    let lacking = "Strava needs the duration of an activity";
    let seconds = seconds.ok_or(PartnerError::Rejected(lacking.into()))?;
    let sport = sports::sport_type(exercise.activity);
    let name = match exercise.activity_original.trim() {
        "" => sport,
        name => name,
    };
    // Same page: the wall time of the start. Seen in the field: written with a `Z` that means
    // nothing.
    let wall_time = start.with_timezone(&request.time_zone).format("%Y-%m-%dT%H:%M:%SZ");
    let mut form = vec![
        ("name", name.to_owned()),
        ("sport_type", sport.to_owned()),
        ("start_date_local", wall_time.to_string()),
        ("elapsed_time", seconds.to_string()),
    ];
    let distance = exercise.distance_m.map(|metres| ("distance", metres.normalize().to_string()));
    form.extend(distance);
    Ok(form)
}
