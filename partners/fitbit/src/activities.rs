//! Exercises: the list of activity logs, and writing one.

use std::collections::BTreeMap;

use partner_sdk::chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use partner_sdk::rust_decimal::prelude::ToPrimitive;
use partner_sdk::serde_json::Value;
use partner_sdk::{
    Action, Activity, Body, Cursor, Decimal, Exercise, Moment, Number, Page, PartnerError,
    PollRequest, PushRequest, Pushed, RejectedRecord, RemoteRecord, Session, TimeBasis, Tz,
    in_words,
};
use serde::{Deserialize, Serialize};

use crate::activity_names::{activity, name};
use crate::api;

const LIST: &str = "/1/user/-/activities/list.json";

/// Ids of activities, each with the day it began.
type Seen = BTreeMap<i64, NaiveDate>;

/// Where the next sync starts. The list does not report deletions: an activity was deleted if it
/// was within the days that are read again and is no longer there. Those of the days of a wide look
/// are remembered.
#[derive(Serialize, Deserialize)]
struct Position {
    until: DateTime<Utc>,
    seen: Seen,
}

/// The state of one sync between its pages.
#[derive(Serialize, Deserialize)]
struct Sync {
    /// The query of the page.
    query: String,
    /// The first day of which everything is read.
    from: NaiveDate,
    /// The activities of the previous pages.
    seen: Seen,
    /// Whether each of them had an id.
    complete: bool,
    began: DateTime<Utc>,
}

impl Sync {
    fn of(request: &PollRequest, position: Option<&Position>) -> Result<Self, PartnerError> {
        if let Some(sync) = request.page_state()? {
            return Ok(sync);
        }
        let from = position.map_or(request.backfill_from, |position| {
            position.until.checked_sub_signed(request.reads_back()).unwrap_or(position.until)
        });
        let from = from.date_naive();
        Ok(Self {
            query: first_page(from),
            from,
            seen: Seen::new(),
            complete: true,
            began: request.now,
        })
    }
}

/// The query for activities that began on `day` or later. It starts two days earlier: the user's
/// days may begin before those of UTC, and "after" may exclude the day itself. "Get Activity Log
/// List": the offset is always 0, a page has at most 100.
fn first_page(day: NaiveDate) -> String {
    let after = day.checked_sub_signed(TimeDelta::days(2)).unwrap_or(day);
    format!("afterDate={after}&sort=asc&offset=0&limit=100")
}

/// Same page: `pagination.next` is the whole address of the next page, and empty on the last one.
#[derive(Deserialize)]
struct Answer {
    #[serde(deserialize_with = "partner_sdk::list_or_nothing")]
    activities: Vec<Value>,
    // Missing behind a single page (seen in the field).
    #[serde(default)]
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
struct Pagination {
    #[serde(default)]
    next: Option<String>,
}

async fn fetch(session: &Session, query: &str) -> Result<Answer, PartnerError> {
    session.get(&format!("{LIST}?{query}")).fetch().await
}

pub(crate) async fn poll(session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
    let position: Option<Position> = request.cursor_state()?;
    let mut sync = Sync::of(request, position.as_ref())?;
    let answer = fetch(session, &sync.query).await?;
    let mut page = Page::default();
    read(&mut page, answer.activities, request.time_zone, |id, began| match id {
        Some(id) => drop(sync.seen.insert(id, began.unwrap_or(NaiveDate::MAX))),
        None => sync.complete = false,
    });
    // Only the query is used, so that the next page is requested from the configured API address.
    if let Some(next) = answer.pagination.and_then(|it| it.next).filter(|next| !next.is_empty()) {
        let query = next.split_once('?').map(|(_, query)| query.to_owned());
        sync.query =
            query.ok_or(PartnerError::Malformed("a page does not name the next".into()))?;
        page.continue_with(&sync)?;
        return Ok(page);
    }
    if let Some(before) = position {
        for (id, began) in before.seen {
            if sync.seen.contains_key(&id) {
                continue;
            }
            if sync.complete && began >= sync.from {
                page.deleted.push(source_id(id));
            } else {
                sync.seen.insert(id, began);
            }
        }
    }
    let wide = TimeDelta::from_std(request.feed.wide).unwrap_or_default();
    let known_from = sync.began.checked_sub_signed(wide).unwrap_or(sync.began).date_naive();
    sync.seen.retain(|_, began| *began >= known_from);
    page.cursor = Some(Cursor::encode(&Position { until: sync.began, seen: sync.seen })?);
    Ok(page)
}

fn source_id(log_id: i64) -> String {
    format!("activity/{log_id}")
}

/// One activity. "Get Activity Log List": milliseconds and kilocalories; kilometres unless a header
/// sets the units.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    log_id: i64,
    #[serde(default, alias = "name")]
    activity_name: Option<String>,
    #[serde(default)]
    start_time: String,
    /// Including pauses (API description).
    #[serde(default)]
    duration: Option<Number>,
    /// Excluding pauses.
    #[serde(default)]
    active_duration: Option<Number>,
    #[serde(default)]
    calories: Option<Number>,
    #[serde(default)]
    distance: Option<Number>,
    #[serde(default)]
    distance_unit: Option<String>,
    #[serde(default)]
    steps: Option<Number>,
    #[serde(default)]
    average_heart_rate: Option<Number>,
    #[serde(default)]
    last_modified: Option<String>,
}

/// Reads activities into `page`, and passes the id and the day of each to `seen`.
fn read(
    page: &mut Page,
    items: Vec<Value>,
    zone: Tz,
    mut seen: impl FnMut(Option<i64>, Option<NaiveDate>),
) {
    let id = |raw: &Value| raw.get("logId")?.as_i64();
    for item in &items {
        let start = item.get("startTime").and_then(Value::as_str);
        let began = start.and_then(|text| moment(text, zone)).map(|start| start.at.date_naive());
        seen(id(item), began);
    }
    page.read_each(
        items,
        |raw| id(raw).map(source_id),
        |log: Log| {
            let start = moment(&log.start_time, zone);
            let refused = || RejectedRecord::new(source_id(log.log_id), "its start is not a time");
            vec![start.ok_or_else(refused).map(|start| log.remote(start))]
        },
    );
}

/// Reads a start with its offset. Older lists put a Z behind wall time (seen in the field), and
/// users in UTC get a Z as well: both are read as wall time.
fn moment(text: &str, zone: Tz) -> Option<Moment> {
    let wall = text.strip_suffix('Z').unwrap_or(text);
    match DateTime::parse_from_rfc3339(wall) {
        Ok(at) => Some(Moment::exact(at)),
        Err(_) => Moment::local(wall.parse::<NaiveDateTime>().ok()?, zone),
    }
}

impl Log {
    fn remote(&self, start: Moment) -> RemoteRecord {
        let per_unit = match self.distance_unit.as_deref() {
            None | Some("Kilometer") => Some(Decimal::ONE_THOUSAND),
            Some("Meter") => Some(Decimal::ONE),
            Some("Mile") => Some(Decimal::new(1_609_344, 3)),
            Some(_) => None,
        };
        let distance = self.distance.zip(per_unit);
        let distance = distance.and_then(|(distance, metres)| distance.0.checked_mul(metres));
        let total = self.duration.and_then(Number::round).and_then(TimeDelta::try_milliseconds);
        let end = total.and_then(|total| start.at.checked_add_signed(total));
        let word = self.activity_name.clone().unwrap_or_default();
        let exercise = Exercise {
            activity: activity(&word),
            activity_original: word,
            duration_s: self.active_duration.or(self.duration).map(seconds),
            energy_kcal: self.calories.map(Decimal::from),
            distance_m: distance.map(|distance| distance.normalize()),
            steps: self.steps.and_then(Number::round),
            // Zero: it was not measured.
            avg_heart_rate: self.average_heart_rate.map(Decimal::from).filter(|it| !it.is_zero()),
        };
        let modified = self.last_modified.as_deref().and_then(|text| text.parse().ok());
        RemoteRecord {
            source_id: source_id(self.log_id),
            group: None,
            start,
            end: end.map(|at| Moment { at, basis: start.basis }),
            modified,
            body: Body::Exercise(exercise),
        }
    }
}

fn seconds(milliseconds: Number) -> Decimal {
    let thousandth = Decimal::new(1, 3);
    milliseconds.0.checked_mul(thousandth).unwrap_or(milliseconds.0).normalize()
}

pub(crate) async fn push(session: &Session, request: &PushRequest) -> Result<Pushed, PartnerError> {
    match (&request.action, &request.record.body) {
        (Action::Delete(remote_ref), _) => {
            api::delete(session, "activities", &remote_ref.source_id).await
        }
        (Action::Create, Body::Exercise(exercise)) => create(session, request, exercise).await,
        _ => Err(api::not_taken()),
    }
}

/// "Create Activity Log": whole milliseconds and kilocalories, a distance with two decimal places.
async fn create(
    session: &Session,
    request: &PushRequest,
    exercise: &Exercise,
) -> Result<Pushed, PartnerError> {
    let wall = api::wall_start(request);
    let duration = duration(request, exercise)
        .ok_or(PartnerError::Rejected("Fitbit takes no exercise without a duration".into()))?;
    let kilometres = exercise.distance_m.and_then(|metres| metres.checked_mul(Decimal::new(1, 3)));
    let kilometres = kilometres.map(|distance| api::rounded(distance, 2));
    let (what, name) = what(exercise, kilometres.is_some())?;
    let mut form = vec![
        what,
        ("date", wall.format("%Y-%m-%d").to_string()),
        ("startTime", wall.format("%H:%M:%S").to_string()),
        ("durationMillis", duration.to_string()),
    ];
    if let Some(energy) = exercise.energy_kcal {
        form.push(("manualCalories", api::rounded(energy, 0).to_string()));
    }
    if let Some(kilometres) = kilometres {
        form.push(("distance", kilometres.to_string()));
        form.push(("distanceUnit", "Kilometer".to_owned()));
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Written {
        activity_log: Value,
    }
    let call = session.post("/1/user/-/activities.json").form(&form);
    let Written { activity_log } = call.write().await?.json()?;
    // The answer's time has no seconds and its name may be the name of an intensity; the list shows
    // both as they were sent.
    let log = Log::deserialize(activity_log).map_err(|_| {
        PartnerError::Malformed("the answer does not show the activity that was written".into())
    })?;
    let log = Log {
        activity_name: Some(name.to_owned()),
        duration: log.duration.or(Some(Number(duration.into()))),
        distance: log.distance.or(kilometres.map(Number)),
        distance_unit: None,
        ..log
    };
    let start = Moment { at: wall.fixed_offset(), basis: TimeBasis::Exact };
    Ok(Pushed::there(log.remote(start)))
}

/// Returns the parameter that names the activity, and the name the list shows. Same page: a custom
/// activity needs its energy, one of the directory a distance; Fitbit calculates the energy of the
/// latter.
fn what(
    exercise: &Exercise,
    has_distance: bool,
) -> Result<((&'static str, String), &'static str), PartnerError> {
    if exercise.energy_kcal.is_some() {
        let name = name(exercise.activity);
        return Ok((("activityName", name.to_owned()), name));
    }
    match exercise.activity {
        Activity::Walking if has_distance => Ok((("activityId", "90013".to_owned()), "Walk")),
        Activity::Running if has_distance => Ok((("activityId", "90009".to_owned()), "Run")),
        _ => Err(PartnerError::Rejected("Fitbit takes no such exercise without its energy".into())),
    }
}

fn duration(request: &PushRequest, exercise: &Exercise) -> Option<i64> {
    let given = exercise.duration_s.and_then(|it| it.checked_mul(Decimal::ONE_THOUSAND));
    let given = given.and_then(|milliseconds| api::rounded(milliseconds, 0).to_i64());
    let lasted = request.record.end.map(|end| end.at - request.record.start.at);
    given.or(lasted.map(|lasted| lasted.num_milliseconds())).filter(|it| *it > 0)
}

pub(crate) async fn find_existing(
    session: &Session,
    request: &PushRequest,
) -> Result<Vec<RemoteRecord>, PartnerError> {
    let start = request.record.start.at;
    let mut page = Page::default();
    let answer = fetch(session, &first_page(start.to_utc().date_naive())).await?;
    read(&mut page, answer.activities, request.time_zone, |_, _| ());
    let near = |record: &RemoteRecord| (record.start.at - start).abs() <= TimeDelta::days(1);
    Ok(page.records.into_iter().flatten().filter(near).collect())
}

/// Where a cursor stands, in words.
pub(crate) fn stands(cursor: &Cursor) -> Option<String> {
    let Position { until, .. } = cursor.decode().ok()?;
    Some(format!("read until {}", in_words(until)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_read_with_its_offset_or_as_wall_time() {
        let zone = Tz::America__New_York;
        for (text, expected, basis) in [
            ("2026-03-04T04:14:06.000+02:00", "2026-03-04T04:14:06+02:00", TimeBasis::Exact),
            ("2026-03-04T04:14:06.000Z", "2026-03-04T04:14:06-05:00", TimeBasis::Local),
            ("2026-03-04T04:14:06.000", "2026-03-04T04:14:06-05:00", TimeBasis::Local),
        ] {
            let moment = moment(text, zone).unwrap();
            assert_eq!((moment.at.to_rfc3339().as_str(), moment.basis), (expected, basis));
        }
        assert!(moment("04:14", zone).is_none());
    }

    #[test]
    fn an_exercise_without_energy_is_written_only_where_fitbit_works_it_out() {
        let of = |activity, energy: Option<i64>, far| {
            let energy_kcal = energy.map(Decimal::from);
            what(&Exercise { activity, energy_kcal, ..Exercise::default() }, far)
        };
        assert_eq!(of(Activity::Rowing, Some(9), false).unwrap().0.1, "Rowing");
        assert_eq!(of(Activity::Walking, None, true).unwrap().0, ("activityId", "90013".into()));
        for (activity, far) in [(Activity::Walking, false), (Activity::Rowing, true)] {
            assert!(matches!(of(activity, None, far), Err(PartnerError::Rejected(_))));
        }
    }
}
