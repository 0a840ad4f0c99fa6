//! Weights: those of a month, the latest, and writing one.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::{WEIGHTS, days, diary, rest};
use crate::accounts::Account;
use crate::call::Call;
use crate::collection::Item;

/// `weights.get_month.v2`.
pub(super) fn month(account: &Account, month: RangeInclusive<i64>) -> Value {
    let weights = rest::on_days(account, WEIGHTS, &month);
    let days = weights.into_iter().rev().map(|item| item.value.clone()).collect();
    diary::with_days(&month, days)
}

/// `profile.get`; contains no user id.
pub(super) fn profile(account: &Account) -> Value {
    let mut body = json!({"height_measure": "Cm", "weight_measure": "Kg"});
    let latest = account.collection(WEIGHTS).and_then(|weights| weights.newest(..).next());
    if let (Some(fields), Some(latest)) = (body.as_object_mut(), latest) {
        fields.insert("goal_weight_kg".to_owned(), json!("70.0000"));
        fields.insert("height_cm".to_owned(), json!("175.00"));
        fields.insert("last_weight_date_int".to_owned(), json!(latest.id.to_string()));
        fields.insert("last_weight_kg".to_owned(), latest.value["weight_kg"].clone());
    }
    json!({"profile": body})
}

/// `weight.update`: records or replaces the weight of a day. Errors have a code and a text.
pub(super) fn update(
    account: &mut Account,
    call: &Call<'_>,
    day: i64,
    now: i64,
) -> Result<(), (u16, String)> {
    let Some(text) = call.params.get("current_weight_kg") else {
        return Err((101, "Missing required parameter: 'current_weight_kg'".to_owned()));
    };
    let kilograms = text.parse::<f64>().ok().filter(|value| value.is_finite());
    let Some(kilograms) = kilograms else {
        return Err((104, "Invalid decimal value: 'current_weight_kg'".to_owned()));
    };
    if !(1.0..1_000.0).contains(&kilograms) {
        return Err((107, "Value out of range: 'current_weight_kg'".to_owned()));
    }
    for (name, known) in [("weight_type", ["kg", "lb"]), ("height_type", ["cm", "inch"])] {
        if call.params.get(name).is_some_and(|given| !known.contains(&given)) {
            return Err((108, format!("Invalid value: '{name}'")));
        }
    }
    // Required on the first call.
    let is_first = account.collection(WEIGHTS).is_none_or(|weights| weights.len() == 0);
    for name in ["goal_weight_kg", "current_height_cm"] {
        if is_first && call.params.get(name).is_none() {
            return Err((101, format!("Missing required parameter: '{name}'")));
        }
    }
    // There are restrictions on dates, of which only the numbers of the errors are known.
    if day > days::of(now, account.zone) + 1 {
        return Err((205, "The date is in the future".to_owned()));
    }
    let mut value = json!({"date_int": day.to_string(), "weight_kg": format!("{kilograms:.3}")});
    if let (Some(fields), Some(comment)) = (value.as_object_mut(), call.params.get("comment")) {
        fields.insert("weight_comment".to_owned(), json!(comment));
    }
    let weights = account.collection_mut(WEIGHTS);
    weights.remove(day, now);
    weights.insert(Item { id: day, time: days::start(day), modified: now, value });
    Ok(())
}
