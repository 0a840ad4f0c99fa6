//! Body weight: one value a day, read by the month.

use partner_sdk::rust_decimal::Decimal;
use partner_sdk::serde_json::Value;
use partner_sdk::{
    Action, Body, Measurement, MeasurementType, Number, Page, PartnerError, PollRequest,
    PushRequest, Pushed, RemoteRecord, Session, Tz,
};
use serde::Deserialize;

use crate::sync::{Step, SyncState};
use crate::{api, days};

/// API reference, "weights.get_month.v2": kilograms with three decimal places.
const DIGITS: u32 = 3;

/// The weight of one day, in kilograms whatever the user's own unit is.
#[derive(Deserialize)]
struct Weight {
    date_int: Number,
    weight_kg: Number,
    #[serde(default)]
    weight_comment: Option<String>,
}

pub(crate) async fn poll(session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
    let mut sync = SyncState::of(request)?;
    let mut page = Page::default();
    let (Step::Month(first) | Step::Day(first)) = sync.step()?;
    let weights = read_month(session, first).await?;
    let group = group(first)?;
    // An empty month is the only sign that its weights were deleted.
    if weights.is_empty() {
        page.deleted.push(group.clone());
    }
    page.read_each(
        weights,
        |raw| {
            let day = Number::deserialize(raw.get("date_int")?).ok().and_then(Number::round);
            Some(day.map_or_else(|| group.clone(), source_id))
        },
        |weight: Weight| {
            let day = weight.date_int.round();
            let remote = day.and_then(|day| remote(day, weight.weight_kg.0, request.time_zone));
            let refused = || {
                partner_sdk::RejectedRecord::new(group.clone(), "its day lies beyond the calendar")
            };
            vec![remote.ok_or_else(refused)]
        },
    );
    sync.go_on(page)
}

pub(crate) async fn push(session: &Session, request: &PushRequest) -> Result<Pushed, PartnerError> {
    let rejected = |why: &'static str| Err(PartnerError::Rejected(why.into()));
    let Some((day, kilograms)) = asked(request) else {
        return rejected("FatSecret takes body weight only");
    };
    let Some(remote) = remote(day, kilograms, request.time_zone) else {
        return rejected("its day lies beyond FatSecret's calendar");
    };
    let there = find(session, day).await?;
    let same = there.as_ref().is_some_and(|there| rounded(there.weight_kg.0) == kilograms);
    match &request.action {
        Action::Delete(_) => return rejected("FatSecret has no way to delete a weight"),
        Action::Update(ours) if ours.source_id != remote.source_id => {
            return rejected("FatSecret has no way to move a weight to another day");
        }
        Action::Update(_) if there.is_none() => return Ok(Pushed::Gone),
        Action::Create if there.is_some() && !same => {
            return rejected("FatSecret keeps one weight a day and has another of that day");
        }
        Action::Create | Action::Update(_) => {}
    }
    if !same {
        let mut parameters =
            vec![("date", day.to_string()), ("current_weight_kg", kilograms.to_string())];
        // The user's comment stays.
        let comment = there.and_then(|there| there.weight_comment);
        parameters.extend(comment.map(|comment| ("comment", comment)));
        api::write(session, "weight.update", &parameters).await?;
    }
    Ok(Pushed::there(remote))
}

pub(crate) async fn find_existing(
    session: &Session,
    request: &PushRequest,
) -> Result<Vec<RemoteRecord>, PartnerError> {
    let Some((day, _)) = asked(request) else { return Ok(Vec::new()) };
    let there = find(session, day).await?;
    let there = there.and_then(|there| remote(day, there.weight_kg.0, request.time_zone));
    Ok(there.into_iter().collect())
}

/// Returns the user's day and the weight as FatSecret stores it.
fn asked(request: &PushRequest) -> Option<(i64, Decimal)> {
    match &request.record.body {
        Body::Measurement(Measurement { r#type: MeasurementType::Weight, value }) => {
            let day = days::of(&request.record.start.at.with_timezone(&request.time_zone));
            Some((day, rounded(*value)))
        }
        _ => None,
    }
}

/// Returns the weight of a day, if there is one. Fails if an entry of the month cannot be read: it
/// might be this one.
async fn find(session: &Session, day: i64) -> Result<Option<Weight>, PartnerError> {
    let beyond = || PartnerError::Rejected("its day lies beyond FatSecret's calendar".into());
    let first = days::month_of(day).ok_or_else(beyond)?;
    for raw in read_month(session, first).await? {
        let weight = Weight::deserialize(raw).map_err(|_| {
            PartnerError::Malformed("a weight of the month is not of the documented form".into())
        })?;
        if weight.date_int.round() == Some(day) {
            return Ok(Some(weight));
        }
    }
    Ok(None)
}

async fn read_month(session: &Session, first: i64) -> Result<Vec<Value>, PartnerError> {
    api::read_month(session, "/rest/weight/month/v2", first).await
}

fn remote(day: i64, kilograms: Decimal, zone: Tz) -> Option<RemoteRecord> {
    let value = kilograms.normalize();
    Some(RemoteRecord {
        source_id: source_id(day),
        group: Some(group(days::month_of(day)?).ok()?),
        start: days::start(day, zone)?,
        end: None,
        modified: None,
        body: Body::Measurement(Measurement { r#type: MeasurementType::Weight, value }),
    })
}

fn rounded(kilograms: Decimal) -> Decimal {
    kilograms.round_dp(DIGITS).normalize()
}

fn source_id(day: i64) -> String {
    format!("weight:{day}")
}

/// The group of a month: its weights always come together.
fn group(first: i64) -> Result<String, PartnerError> {
    let name = days::month_name(first);
    let name = name.ok_or(PartnerError::Malformed("a month lies beyond the calendar".into()))?;
    Ok(format!("weights:{name}"))
}
