//! Writing activities: manual ones, of which only name and sport can be changed later.

use serde_json::{Map, Value, json};

use super::{ACTIVITIES, activities, authorized, fault, generate, not_found, wall};
use crate::call::{Answer, Call};
use crate::partner::{Desk, Wire};

const WRITE: [&str; 1] = ["activity:write"];
const WRITE_PERMISSION: &str = "activity:write_permission";

pub(super) fn create(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    let number = match authorized(desk, call, &WRITE, WRITE_PERMISSION) {
        Ok(number) => number,
        Err(refusal) => return refusal,
    };
    let now = desk.now;
    let Some(account) = desk.state.accounts.get_mut(number) else {
        return not_found();
    };
    let is_form =
        call.content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let given = |name| call.params.get(name).filter(|text| is_form && !text.is_empty());
    let required = |name| given(name).ok_or_else(|| refused(name, "missing"));
    let read = || {
        let name = required("name")?;
        let sport = required("sport_type")?;
        if !generate::SPORTS.contains(&sport) {
            return Err(refused("sport_type", "invalid"));
        }
        let start = wall::from_local(required("start_date_local")?, account.zone)
            .ok_or_else(|| refused("start_date_local", "invalid"))?;
        let seconds: i64 = required("elapsed_time")?
            .parse()
            .ok()
            .filter(|seconds| *seconds > 0)
            .ok_or_else(|| refused("elapsed_time", "invalid"))?;
        let metres: f64 = given("distance").unwrap_or("0").parse().unwrap_or(-1.0);
        if !metres.is_finite() || metres < 0.0 {
            return Err(refused("distance", "invalid"));
        }
        Ok((name, sport, start, seconds, metres))
    };
    let (name, sport, start, seconds, metres) = match read() {
        Ok(read) => read,
        Err(refusal) => return refusal,
    };
    let taken = account
        .collection(ACTIVITIES)
        .is_some_and(|items| items.newest(start..=start).next().is_some());
    if taken {
        return fault(409, "Conflict", "Activity", "start_date", "duplicate");
    }
    let mut value = generate::blank(sport, seconds, metres);
    value["name"] = json!(name);
    value["manual"] = json!(true);
    value["description"] = json!(given("description"));
    value["trainer"] = json!(given("trainer") == Some("1"));
    value["commute"] = json!(given("commute") == Some("1"));
    if let Some(fields) = value.as_object_mut() {
        fields.extend(wall::fields(start, account.zone).map(|(name, value)| (name.into(), value)));
    }
    let item = super::Strava.file(ACTIVITIES, account, value, now);
    let answer = activities::detailed(&item.value);
    account.insert(ACTIVITIES, item);
    Answer::json(201, &answer)
}

/// JSON, and these fields only.
pub(super) fn update(desk: &mut Desk<'_>, call: &Call<'_>, id: i64) -> Answer {
    let number = match authorized(desk, call, &WRITE, WRITE_PERMISSION) {
        Ok(number) => number,
        Err(refusal) => return refusal,
    };
    let is_json = call.content_type.is_some_and(|kind| kind.starts_with("application/json"));
    let Some(changes) =
        serde_json::from_slice::<Map<String, Value>>(call.body).ok().filter(|_| is_json)
    else {
        return fault(400, "Bad Request", "Activity", "body", "invalid");
    };
    let known =
        ["name", "sport_type", "description", "commute", "trainer", "hide_from_home", "gear_id"];
    let now = desk.now;
    let Some(account) = desk.state.accounts.get_mut(number) else {
        return not_found();
    };
    let items = account.collection_mut(ACTIVITIES);
    let edited = items.edit(id, |item| {
        let changes = changes.iter().filter(|(name, _)| known.contains(&name.as_str()));
        if let Some(fields) = item.value.as_object_mut() {
            fields.extend(changes.map(|(name, value)| (name.clone(), value.clone())));
        }
        item.modified = now;
    });
    match items.find(id).filter(|_| edited) {
        Some(item) => Answer::json(200, &activities::detailed(&item.value)),
        None => not_found(),
    }
}

fn refused(field: &str, code: &str) -> Answer {
    fault(400, "Bad Request", "Activity", field, code)
}
