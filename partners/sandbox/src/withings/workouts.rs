//! Exercises: `POST /v2/measure`, `action=getworkouts`.

use std::ops::Bound;

use chrono::{NaiveDate, TimeZone};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{PAGE, WORKOUTS, authorized, envelope, number, offset};
use crate::call::{Answer, Call};
use crate::collection::Item;
use crate::partner::Desk;

#[derive(Serialize)]
struct Page {
    series: Vec<Value>,
    /// A boolean here, unlike with measurements.
    more: bool,
    offset: usize,
}

pub(super) fn answer(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    if call.params.get("action") != Some("getworkouts") {
        return envelope::unknown_action();
    }
    workouts(desk, call).unwrap_or_else(|refusal| refusal)
}

fn workouts(desk: &mut Desk<'_>, call: &Call<'_>) -> Result<Answer, Answer> {
    let number_of_account = authorized(desk, call, "user.activity")?;
    let fields: Vec<&str> =
        call.params.get("data_fields").unwrap_or_default().split(',').map(str::trim).collect();
    let from_offset = offset(call)?;
    let (start, end) = (date(call, "startdateymd")?, date(call, "enddateymd")?);
    let last_update = number(call, "lastupdate")?;
    let Some(account) = desk.state.accounts.get(number_of_account) else {
        return Err(envelope::invalid("userid"));
    };

    // A range of days or the last update, exactly one of them.
    let items = account.collection(WORKOUTS);
    let found: Box<dyn Iterator<Item = &Item>> = match (last_update, start, end) {
        (Some(after), None, None) => Box::new(
            items
                .map(|items| items.changed((Bound::Excluded(after), Bound::Unbounded)))
                .into_iter()
                .flatten(),
        ),
        (None, Some(start), Some(end)) => {
            let midnight = |day: NaiveDate| {
                let local = day.and_hms_opt(0, 0, 0).unwrap_or_default();
                account
                    .zone
                    .from_local_datetime(&local)
                    .earliest()
                    .map_or(local.and_utc().timestamp(), |at| at.timestamp())
            };
            let (from, to) = (midnight(start), midnight(end.succ_opt().unwrap_or(end)));
            Box::new(
                items
                    .filter(|_| from < to)
                    .map(|items| items.newest(from..to))
                    .into_iter()
                    .flatten(),
            )
        }
        (Some(_), _, _) => return Err(envelope::invalid("lastupdate")),
        (None, _, None) => return Err(envelope::invalid("enddateymd")),
        (None, None, _) => return Err(envelope::invalid("startdateymd")),
    };
    let mut asked = found.skip(from_offset);
    let series: Vec<Value> =
        asked.by_ref().take(PAGE).map(|item| only_fields(&item.value, &fields)).collect();
    let more = asked.next().is_some();
    Ok(envelope::ok(&Page {
        more,
        offset: if more { from_offset + series.len() } else { 0 },
        series,
    }))
}

fn date(call: &Call<'_>, name: &str) -> Result<Option<NaiveDate>, Answer> {
    call.params.get(name).map(|text| text.parse().map_err(|_| envelope::invalid(name))).transpose()
}

/// The workout with only the requested members of `data`; an empty one is written as an empty
/// array.
fn only_fields(workout: &Value, fields: &[&str]) -> Value {
    let mut workout = workout.clone();
    if let Some(data) = workout.get_mut("data")
        && let Some(members) = data.as_object()
    {
        let kept: Map<String, Value> = members
            .iter()
            .filter(|(name, _)| fields.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        *data = if kept.is_empty() { json!([]) } else { Value::Object(kept) };
    }
    workout
}
