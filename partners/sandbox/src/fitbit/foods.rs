//! Food: one day per call, without a time of day.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::{FOODS, failure, form, wall};
use crate::accounts::Account;
use crate::call::{Answer, Call};
use crate::collection::Item;

/// Names in `POST`, and in answers (Fitbit's page "Create Food Log").
const VALUES: [(&str, &str); 5] = [
    ("totalCarbohydrate", "carbs"),
    ("totalFat", "fat"),
    ("dietaryFiber", "fiber"),
    ("protein", "protein"),
    ("sodium", "sodium"),
];

/// `GET /foods/log/date/{day}.json`.
pub(super) fn read(account: &Account, day: &str) -> Answer {
    match wall::day(day) {
        Some(day) => {
            let foods = of_day(account, day);
            let summary = summary(&foods);
            Answer::json(
                200,
                &json!({"foods": foods, "goals": {"calories": 2286}, "summary": summary}),
            )
        }
        None => failure::validation("date"),
    }
}

fn of_day(account: &Account, day: NaiveDate) -> Vec<&Value> {
    let midnight = wall::midnight(day);
    let items = account.collection(FOODS).into_iter();
    items.flat_map(|items| items.newest(midnight..midnight + 86_400)).map(|it| &it.value).collect()
}

fn summary(foods: &[&Value]) -> Value {
    let sum = |name: &str| {
        let value = |food: &&Value| food.pointer(&format!("/nutritionalValues/{name}"))?.as_f64();
        foods.iter().filter_map(value).sum::<f64>()
    };
    json!({
        "calories": sum("calories"), "carbs": sum("carbs"), "fat": sum("fat"), "fiber": sum("fiber"),
        "protein": sum("protein"), "sodium": sum("sodium"), "water": 0,
    })
}

/// `POST /foods/log.json`.
pub(super) fn create(account: &mut Account, call: &Call<'_>, now: i64) -> Answer {
    written(account, call, now).unwrap_or_else(|refusal| refusal)
}

fn written(account: &mut Account, call: &Call<'_>, now: i64) -> Result<Answer, Answer> {
    // Foods of the vendor's database (`foodId`) are not simulated.
    let name = form::text(call, "foodName")?;
    let meal = form::whole(call, "mealTypeId")?.filter(|meal| matches!(meal, 1..=5 | 7));
    let meal = meal.ok_or_else(|| failure::validation("mealTypeId"))?;
    let unit = form::whole(call, "unitId")?.filter(|unit| matches!(unit, 147 | 304));
    let unit = unit.ok_or_else(|| failure::validation("unitId"))?;
    let amount = form::decimal(call, "amount")?.filter(|amount| *amount > 0.0);
    let amount = amount.ok_or_else(|| failure::validation("amount"))?;
    let day = form::day(call)?;
    let calories = form::whole(call, "calories")?.unwrap_or(0);
    let mut values = Map::from_iter([("calories".to_owned(), json!(calories))]);
    for (written, shown) in VALUES {
        if let Some(value) = form::decimal(call, written)? {
            values.insert(shown.to_owned(), json!(value));
        }
    }
    let value = entry(day, name, meal, (unit, amount), values);
    let item = file(account, value, now);
    let food_log = item.value.clone();
    account.insert(FOODS, item);
    let summary = summary(&of_day(account, day));
    let food_day = json!({"date": day.to_string(), "summary": summary});
    Ok(Answer::json(201, &json!({"foodDay": food_day, "foodLog": food_log})))
}

/// An entry as a day shows it, without an id.
pub(super) fn entry(
    day: NaiveDate,
    name: &str,
    meal: i64,
    (unit, amount): (i64, f64),
    values: Map<String, Value>,
) -> Value {
    let unit_name = if unit == 147 { "gram" } else { "serving" };
    json!({
        "isFavorite": false,
        "logDate": day.to_string(),
        "loggedFood": {
            "accessLevel": "PRIVATE", "amount": amount, "brand": "", "calories": values.get("calories"),
            "foodId": 0, "locale": "en_US", "mealTypeId": meal, "name": name,
            "unit": {"id": unit, "name": unit_name, "plural": format!("{unit_name}s")}, "units": [unit],
        },
        "nutritionalValues": values,
    })
}

pub(super) fn time_of(value: &Value) -> Option<i64> {
    wall::day(value.get("logDate")?.as_str()?).map(wall::midnight)
}

pub(super) fn file(account: &mut Account, mut value: Value, stored_at: i64) -> Item {
    let given = value.get("logId").and_then(Value::as_i64);
    let id = given.unwrap_or_else(|| account.new_id());
    if let Some(fields) = value.as_object_mut() {
        fields.entry("logId").or_insert_with(|| json!(id));
    }
    Item { id, time: time_of(&value).unwrap_or(stored_at), modified: stored_at, value }
}
