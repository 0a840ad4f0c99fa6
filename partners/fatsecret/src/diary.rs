//! The food diary.

use std::collections::BTreeMap;

use partner_sdk::serde_json::Value;
use partner_sdk::{
    Body, Meal, Moment, Number, Nutrition, Page, PartnerError, PollRequest, RejectedRecord,
    RemoteRecord, Session,
};
use serde::Deserialize;

use crate::sync::{Step, SyncState};
use crate::{api, days};

/// API reference, "food_entries.get_month": what a month reports for each day with entries.
const SUMS: [&str; 4] = ["calories", "carbohydrate", "protein", "fat"];

/// API reference, "food_entries.get.v2". Null, or missing, for a day without entries (seen in the
/// field).
#[derive(Deserialize)]
struct DayAnswer {
    #[serde(default)]
    food_entries: Value,
}

/// One entry. API reference: kilocalories, grams, milligrams of sodium; values that were not
/// measured are absent.
#[derive(Deserialize)]
struct Entry {
    food_entry_id: Number,
    #[serde(default)]
    food_entry_name: Option<String>,
    #[serde(default)]
    meal: Option<String>,
    #[serde(default)]
    calories: Option<Number>,
    #[serde(default)]
    carbohydrate: Option<Number>,
    #[serde(default)]
    protein: Option<Number>,
    #[serde(default)]
    fat: Option<Number>,
    #[serde(default)]
    fiber: Option<Number>,
    #[serde(default)]
    sodium: Option<Number>,
}

pub(crate) async fn poll(session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
    let mut sync = SyncState::of(request)?;
    let mut page = Page::default();
    match sync.step()? {
        Step::Month(first) => {
            let days = api::read_month(session, "/rest/food-entries/month/v1", first).await?;
            let sums = read_sums(&mut page, days, sync.latest());
            let whole = page.records.is_empty();
            page.deleted.extend(sync.compare(first, sums, whole).into_iter().map(group));
        }
        Step::Day(day) => {
            let answer: DayAnswer = api::read(session, "/rest/food-entries/v2", day).await?;
            let start = days::start(day, request.time_zone)
                .ok_or(PartnerError::Malformed("a day lies beyond the calendar".into()))?;
            read_day(&mut page, answer.food_entries, &group(day), start)?;
        }
    }
    sync.go_on(page)
}

/// Reads the sums of a month's days. Days that cannot be read are rejected.
fn read_sums(page: &mut Page, days: Vec<Value>, latest: i64) -> BTreeMap<i64, String> {
    let mut sums = BTreeMap::new();
    for item in days {
        let number = |name| Number::deserialize(item.get(name)?).ok();
        let Some(day) = number("date_int").and_then(Number::round) else {
            let reason = "a day of the month is not of the documented form".into();
            page.records.push(Err(RejectedRecord { source_id: None, reason }));
            continue;
        };
        if day <= latest {
            let texts = SUMS.map(|name| number(name).map(|it| it.0.normalize().to_string()));
            let texts = texts.map(Option::unwrap_or_default);
            sums.insert(day, texts.join(" "));
        }
    }
    sums
}

fn read_day(
    page: &mut Page,
    entries: Value,
    group: &str,
    start: Moment,
) -> Result<(), PartnerError> {
    let entries = match entries {
        Value::Null => Vec::new(),
        Value::Object(mut fields) => api::list(fields.remove("food_entry").unwrap_or_default()),
        _ => return Err(PartnerError::Malformed("a day is neither an object nor null".into())),
    };
    if entries.is_empty() {
        page.deleted.push(group.to_owned());
    }
    page.read_each(
        entries,
        |raw| {
            let id = raw.get("food_entry_id").and_then(|id| Number::deserialize(id).ok());
            // Without an id the rejection names the day's group: it may concern any entry of it.
            Some(id.map_or_else(|| group.to_owned(), source_id))
        },
        |entry: Entry| vec![Ok(read_entry(entry, group, start))],
    );
    Ok(())
}

fn read_entry(entry: Entry, group: &str, start: Moment) -> RemoteRecord {
    let amount = |number: Option<Number>| number.map(Into::into);
    // "food_entries.get": breakfast, lunch, dinner and other (compared on 2026-11-30 with a
    // published description of the API; the page itself could not be read).
    let meal = match entry.meal.unwrap_or_default().to_lowercase().as_str() {
        "breakfast" => Meal::Breakfast,
        "lunch" => Meal::Lunch,
        "dinner" => Meal::Dinner,
        _ => Meal::Other,
    };
    let nutrition = Nutrition {
        meal,
        name: entry.food_entry_name,
        energy_kcal: amount(entry.calories),
        carbohydrate_g: amount(entry.carbohydrate),
        fat_g: amount(entry.fat),
        protein_g: amount(entry.protein),
        fiber_g: amount(entry.fiber),
        sodium_mg: amount(entry.sodium),
        water_ml: None,
    };
    RemoteRecord {
        source_id: source_id(entry.food_entry_id),
        group: Some(group.to_owned()),
        start,
        end: None,
        modified: None,
        body: Body::Nutrition(nutrition),
    }
}

fn source_id(id: Number) -> String {
    format!("food_entry:{}", id.0.normalize())
}

/// The group of a day: its entries always come together.
fn group(day: i64) -> String {
    format!("diary:{day}")
}
