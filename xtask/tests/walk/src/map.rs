//! Maps items to records.

use partner_sdk::chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime};
use partner_sdk::serde_json::{self, Value};
use partner_sdk::{
    Body, Decimal, Exercise, Measurement, MeasurementType, Moment, Number, RejectedRecord,
    RemoteRecord, Tz,
};
use serde::Deserialize;

pub(crate) fn id_of_workout(raw: &Value) -> Option<String> {
    raw.get("id")?.as_str().map(Into::into)
}

/// Seen in the field: the ids of daily documents may change, their days do not.
pub(crate) fn id_of_night(raw: &Value) -> Option<String> {
    let day: NaiveDate = raw.get("day")?.as_str()?.parse().ok()?;
    Some(format!("spo2:{day}"))
}

/// API reference, "Workout": metres and kilocalories.
#[derive(Deserialize)]
pub(crate) struct Workout {
    id: String,
    activity: String,
    start_datetime: DateTime<FixedOffset>,
    end_datetime: DateTime<FixedOffset>,
    calories: Option<Number>,
    distance: Option<Number>,
}

pub(crate) fn workout(workout: Workout) -> Vec<Result<RemoteRecord, RejectedRecord>> {
    let start = workout.start_datetime;
    // Seen in the field: the end may be in UTC although the start has the user's offset.
    let end = workout.end_datetime.with_timezone(start.offset());
    // Oura's name, if it is in our list; otherwise `other`. Oura's name is kept next to it.
    let activity = serde_json::from_value(workout.activity.as_str().into()).unwrap_or_default();
    vec![Ok(RemoteRecord {
        source_id: workout.id,
        group: None,
        start: Moment::exact(start),
        end: Some(Moment::exact(end)),
        modified: None,
        body: Body::Exercise(Exercise {
            activity,
            activity_original: workout.activity,
            duration_s: Some((end - start).num_seconds().into()),
            energy_kcal: workout.calories.map(Decimal::from),
            distance_m: workout.distance.map(Decimal::from),
            ..Exercise::default()
        }),
    })]
}

/// API reference, "Daily Spo2": the average of the night that ended on `day`, if there is one.
#[derive(Deserialize)]
pub(crate) struct Night {
    day: NaiveDate,
    spo2_percentage: Option<Percentage>,
}

#[derive(Deserialize)]
struct Percentage {
    average: Option<Number>,
}

pub(crate) fn night(night: Night, time_zone: Tz) -> Vec<Result<RemoteRecord, RejectedRecord>> {
    let source_id = format!("spo2:{}", night.day);
    let Some(average) = night.spo2_percentage.and_then(|it| it.average) else { return Vec::new() };
    let Some(start) = Moment::local(night.day.and_time(NaiveTime::MIN), time_zone) else {
        return vec![Err(RejectedRecord::new(source_id, "its day is out of range"))];
    };
    let (r#type, value) = (MeasurementType::Spo2, average.into());
    let body = Body::Measurement(Measurement { r#type, value });
    vec![Ok(RemoteRecord { source_id, group: None, start, end: None, modified: None, body })]
}
