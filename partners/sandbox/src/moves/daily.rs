//! The profile, and the daily lists of activities, of the storyline and of sums.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate, Offset};
use serde_json::{Map, Value, json};

use super::{SEGMENTS, Version, authorized, time};
use crate::accounts::Account;
use crate::call::{Answer, Call};
use crate::partner::Desk;

/// The longest duration of a segment.
const LONGEST_SECONDS: i64 = 3 * 86_400;

/// How version 1.0 names the only kinds it has.
const CODES: [(&str, &str); 4] =
    [("walking", "wlk"), ("running", "run"), ("cycling", "cyc"), ("transport", "trp")];

/// Which daily list a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Summary,
    Activities,
    Storyline,
}

pub(super) fn profile(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    let number = match authorized(desk, call, "activity") {
        Ok(number) => number,
        Err(refusal) => return refusal,
    };
    let Some(account) = desk.state.accounts.get(number) else {
        return Answer::bare(404);
    };
    let offset = time::in_zone(desk.now, account.zone).offset().fix().local_minus_utc();
    Answer::json(
        200,
        &json!({
            "userId": account.user_id,
            "profile": {
                "firstDate": first_day(account, desk.now).format("%Y%m%d").to_string(),
                "currentTimeZone": {"id": account.zone.name(), "offset": offset},
                "localization": {"language": "en", "locale": "en_US", "firstWeekDay": 2, "metric": true},
                "caloriesAvailable": true,
                "platform": "android",
            },
        }),
    )
}

/// The earliest day with data; today when there is none.
fn first_day(account: &Account, now: i64) -> NaiveDate {
    let first = account.collection(SEGMENTS).and_then(|items| items.newest(..).last());
    time::day(first.map_or(now, |item| item.time.min(now)), account.zone)
}

pub(super) fn answer(desk: &mut Desk<'_>, call: &Call<'_>, version: Version, path: &str) -> Answer {
    // The most days of each form.
    let forms = [
        ("/user/summary/daily", Form::Summary, "activity", 31),
        ("/user/activities/daily", Form::Activities, "activity", 31),
        ("/user/storyline/daily", Form::Storyline, "location", 7),
    ];
    let found = forms.into_iter().find_map(|(known, form, scope, most)| {
        let rest = path.strip_prefix(known)?;
        let rest = if rest.is_empty() { None } else { Some(rest.strip_prefix('/')?) };
        Some((form, scope, most, rest))
    });
    let Some((form, scope, most, rest)) = found else {
        return Answer::bare(404);
    };
    let number = match authorized(desk, call, scope) {
        Ok(number) => number,
        Err(refusal) => return refusal,
    };
    let Some(account) = desk.state.accounts.get(number) else {
        return Answer::bare(404);
    };
    let (first, today) = (first_day(account, desk.now), time::day(desk.now, account.zone));
    let Some((from, to)) = asked(call, rest, today, most, first) else {
        return Answer::bare(400);
    };
    let days: Vec<Value> = from
        .iter_days()
        .take_while(|day| *day <= to)
        .map(|date| day(account, date, form, version))
        .collect();
    Answer::json(200, &days)
}

/// The days asked for; nothing for a range that is too long, or that has days before the first or
/// after today.
fn asked(
    call: &Call<'_>,
    rest: Option<&str>,
    today: NaiveDate,
    most: u64,
    first: NaiveDate,
) -> Option<(NaiveDate, NaiveDate)> {
    let given = |name| call.params.get(name);
    let (from, to) = match (rest, given("from"), given("to"), given("pastDays")) {
        (Some(text), None, None, None) => {
            let (from, to) = time::span(text)?;
            // A week or a month is cut to the days from the first to today, so that a client that
            // pages by weeks can read the current week.
            if from == to { (from, to) } else { (from.max(first), to.min(today)) }
        }
        (None, Some(from), Some(to), None) => (time::read_day(from)?, time::read_day(to)?),
        (None, None, None, Some(days)) => {
            let days = days.parse().ok().filter(|days: &u64| (1..=31).contains(days))?;
            (today.checked_sub_days(Days::new(days - 1))?.max(first), today)
        }
        _ => return None,
    };
    let length = to.signed_duration_since(from).num_days() + 1;
    let fits = length >= 1 && length.unsigned_abs() <= most;
    (fits && from >= first && to <= today).then_some((from, to))
}

fn day(account: &Account, date: NaiveDate, form: Form, version: Version) -> Value {
    let begins = time::begins(date, account.zone);
    let ends = date.succ_opt().map_or(i64::MAX, |next| time::begins(next, account.zone));
    let items = account.collection(SEGMENTS);
    let mut segments: Vec<&Value> = items
        .into_iter()
        .flat_map(|items| items.newest(begins - LONGEST_SECONDS..ends))
        // A stay over midnight is in both days.
        .filter(|item| {
            item.time >= begins
                || time::field(&item.value, "endTime").is_some_and(|end| end > begins)
        })
        .map(|item| &item.value)
        .collect();
    segments.reverse();
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("date", json!(date.format("%Y%m%d").to_string()));
    // An empty day has no lists.
    let list = |values: Vec<Value>| if values.is_empty() { Value::Null } else { json!(values) };
    if form != Form::Activities {
        put("summary", list(summary(&segments, version)));
    }
    if form != Form::Summary {
        let shown = segments.iter().map(|segment| tell(segment, form, version));
        put("segments", list(shown.collect()));
    }
    put("caloriesIdle", json!(1_785));
    if version == Version::OneOne {
        let last = segments.iter().filter_map(|segment| time::field(segment, "lastUpdate")).max();
        put("lastUpdate", json!(time::write_utc(last.unwrap_or(ends))));
    }
    fields.into()
}

/// Formats a segment for a form and version.
fn tell(segment: &Value, form: Form, version: Version) -> Value {
    let mut segment = segment.clone();
    if let Some(fields) = segment.as_object_mut() {
        if form == Form::Activities {
            fields.remove("place");
        }
        if version == Version::One {
            fields.remove("lastUpdate");
        }
        if let Some(activities) = fields.get_mut("activities").and_then(Value::as_array_mut) {
            let spelled =
                activities.iter().filter_map(|activity| spell(activity, version)).collect();
            *activities = spelled;
        }
    }
    segment
}

/// Formats an activity for a version; nothing for one that the version does not know.
fn spell(activity: &Value, version: Version) -> Option<Value> {
    if version == Version::OneOne {
        return Some(activity.clone());
    }
    let group = activity.get("group")?.as_str()?;
    let (_, code) = CODES.iter().find(|(word, _)| *word == group)?;
    let mut activity = activity.clone();
    activity["activity"] = json!(code);
    activity.as_object_mut()?.remove("group");
    Some(activity)
}

/// The kinds of one group are summed separately.
fn summary(segments: &[&Value], version: Version) -> Vec<Value> {
    let mut sums: BTreeMap<String, Value> = BTreeMap::new();
    let activities =
        segments.iter().filter_map(|segment| segment.get("activities")?.as_array()).flatten();
    for activity in activities.filter_map(|activity| spell(activity, version)) {
        let kind = activity["activity"].as_str().unwrap_or_default().to_owned();
        let sum = sums.entry(kind.clone()).or_insert_with(|| {
            let mut sum = json!({"activity": kind});
            if let Some(group) = activity.get("group") {
                sum["group"] = group.clone();
            }
            sum
        });
        for name in ["duration", "distance", "steps", "calories"] {
            if let Some(more) = activity.get(name).and_then(Value::as_f64) {
                let total = sum.get(name).and_then(Value::as_f64).unwrap_or(0.0) + more;
                sum[name] = if name == "distance" { json!(total) } else { json!(total as i64) };
            }
        }
    }
    sums.into_values().collect()
}
