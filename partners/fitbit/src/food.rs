//! The food log: one day per call, entries without a time of day.

use partner_sdk::chrono::{NaiveDate, NaiveTime, Timelike};
use partner_sdk::serde_json::Value;
use partner_sdk::{
    Action, Body, Decimal, Meal, Moment, Number, Nutrition, Page, PartnerError, PollRequest,
    PushRequest, Pushed, RejectedRecord, RemoteRecord, Session, Tz,
};
use serde::Deserialize;

use crate::api;
use crate::walk::{Manner, Walk, group};

const LOG: &str = "food";

/// "Get Food Log": one day per call. A first sync reads the two weeks that later ones read again.
pub(crate) const MANNER: Manner =
    Manner { days_a_call: 1, recent: 1, ahead: 0, calls: 14, calls_for_the_past: 3 };

/// "Get Food Units": a serving (seen in the field). Every entry is written as one serving.
const SERVING: &str = "304";

/// The name for food without a name: Fitbit requires one.
const NAMELESS: &str = "Food";

/// One entry. "Get Food Log": kilocalories, grams, milligrams of sodium.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    log_id: i64,
    log_date: NaiveDate,
    logged_food: LoggedFood,
    #[serde(default)]
    nutritional_values: Option<Values>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoggedFood {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    calories: Option<Number>,
    #[serde(default)]
    meal_type_id: Option<i64>,
}

#[derive(Clone, Copy, Deserialize)]
struct Values {
    #[serde(default)]
    calories: Option<Number>,
    #[serde(default)]
    carbs: Option<Number>,
    #[serde(default)]
    fat: Option<Number>,
    #[serde(default)]
    fiber: Option<Number>,
    #[serde(default)]
    protein: Option<Number>,
    #[serde(default)]
    sodium: Option<Number>,
}

fn source_id(log_id: i64) -> String {
    format!("{LOG}/{log_id}")
}

fn remote(entry: Entry, zone: Tz) -> Result<RemoteRecord, RejectedRecord> {
    let source_id = source_id(entry.log_id);
    let Some(start) = Moment::local(entry.log_date.and_time(NaiveTime::MIN), zone) else {
        return Err(RejectedRecord::new(source_id, "its day is out of range"));
    };
    let values = entry.nutritional_values;
    let value = |of: fn(&Values) -> Option<Number>| values.as_ref().and_then(of).map(Decimal::from);
    let nutrition = Nutrition {
        meal: meal(entry.logged_food.meal_type_id),
        name: entry.logged_food.name.filter(|name| !name.is_empty()),
        energy_kcal: value(|it| it.calories)
            .or_else(|| entry.logged_food.calories.map(Decimal::from)),
        carbohydrate_g: value(|it| it.carbs),
        fat_g: value(|it| it.fat),
        protein_g: value(|it| it.protein),
        fiber_g: value(|it| it.fiber),
        sodium_mg: value(|it| it.sodium),
        water_ml: None,
    };
    Ok(RemoteRecord {
        source_id,
        group: Some(group(LOG, entry.log_date)),
        start,
        end: None,
        modified: None,
        body: Body::Nutrition(nutrition),
    })
}

/// "Create Food Log": the meal types (compared completely on 2026-11-30). 6 is not listed; its
/// position suggests an evening snack.
fn meal(meal_type: Option<i64>) -> Meal {
    match meal_type {
        Some(1) => Meal::Breakfast,
        Some(3) => Meal::Lunch,
        Some(5) => Meal::Dinner,
        Some(2 | 4 | 6) => Meal::Snack,
        _ => Meal::Other,
    }
}

/// Returns the meal type to write; Fitbit separates morning snacks from afternoon snacks.
fn meal_type(meal: Meal, hour: u32) -> &'static str {
    match meal {
        Meal::Breakfast => "1",
        Meal::Lunch => "3",
        Meal::Dinner => "5",
        Meal::Snack if hour < 12 => "2",
        Meal::Snack => "4",
        Meal::Other => "7",
    }
}

async fn fetch(session: &Session, day: NaiveDate, zone: Tz) -> Result<Page, PartnerError> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(deserialize_with = "partner_sdk::list_or_nothing")]
        foods: Vec<Value>,
    }
    let path = format!("/1/user/-/foods/log/date/{day}.json");
    let Answer { foods } = session.get(&path).fetch().await?;
    let mut page = Page::default();
    let id = |raw: &Value| raw.get("logId")?.as_i64().map(source_id);
    page.read_each(foods, id, |entry: Entry| vec![remote(entry, zone)]);
    Ok(page)
}

pub(crate) async fn poll(session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
    let (walk, days) = Walk::of(request, &MANNER)?;
    let page = fetch(session, days.first, request.time_zone).await?;
    walk.go_on(page, request, LOG, days)
}

pub(crate) async fn push(session: &Session, request: &PushRequest) -> Result<Pushed, PartnerError> {
    match (&request.action, &request.record.body) {
        (Action::Delete(remote_ref), _) => {
            api::delete(session, "foods/log", &remote_ref.source_id).await
        }
        (Action::Create, Body::Nutrition(nutrition)) => create(session, request, nutrition).await,
        _ => Err(api::not_taken()),
    }
}

/// "Create Food Log": whole kilocalories; the other values have other names than in the answer.
async fn create(
    session: &Session,
    request: &PushRequest,
    nutrition: &Nutrition,
) -> Result<Pushed, PartnerError> {
    let wall = api::wall_start(request);
    let energy = nutrition.energy_kcal.map(|energy| api::rounded(energy, 0));
    let name = nutrition.name.as_deref().filter(|name| !name.trim().is_empty());
    let mut form = vec![
        ("foodName", name.unwrap_or(NAMELESS).to_owned()),
        ("mealTypeId", meal_type(nutrition.meal, wall.hour()).to_owned()),
        ("unitId", SERVING.to_owned()),
        ("amount", "1.00".to_owned()),
        ("date", wall.format("%Y-%m-%d").to_string()),
    ];
    let values = [
        ("calories", energy),
        ("totalCarbohydrate", nutrition.carbohydrate_g),
        ("totalFat", nutrition.fat_g),
        ("dietaryFiber", nutrition.fiber_g),
        ("protein", nutrition.protein_g),
        ("sodium", nutrition.sodium_mg),
    ];
    form.extend(values.iter().filter_map(|(name, value)| Some((*name, (*value)?.to_string()))));
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Written {
        food_log: Value,
    }
    let call = session.post("/1/user/-/foods/log.json").form(&form);
    let Written { food_log } = call.write().await?.json()?;
    let not_shown =
        || PartnerError::Malformed("the answer does not show the food that was written".into());
    let mut entry = Entry::deserialize(food_log).map_err(|_| not_shown())?;
    // "Create Food Log" does not promise the values in the answer; the day's log shows what was
    // sent.
    entry.nutritional_values.get_or_insert_with(|| Values {
        calories: energy.map(Number),
        carbs: nutrition.carbohydrate_g.map(Number),
        fat: nutrition.fat_g.map(Number),
        fiber: nutrition.fiber_g.map(Number),
        protein: nutrition.protein_g.map(Number),
        sodium: nutrition.sodium_mg.map(Number),
    });
    remote(entry, request.time_zone).map(Pushed::there).map_err(|_| not_shown())
}

pub(crate) async fn find_existing(
    session: &Session,
    request: &PushRequest,
) -> Result<Vec<RemoteRecord>, PartnerError> {
    let page = fetch(session, api::wall_start(request).date_naive(), request.time_zone).await?;
    Ok(page.records.into_iter().flatten().collect())
}
