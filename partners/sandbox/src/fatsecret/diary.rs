//! The food diary: the entries of a day, and the daily sums of a month.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::{ENTRIES, days, render, rest};
use crate::accounts::Account;

/// The fields that are summed for the days of a month.
const SUMS: [&str; 4] = ["calories", "carbohydrate", "protein", "fat"];

/// `food_entries.get.v2`; an empty list is null.
pub(super) fn day(account: &Account, day: i64) -> Value {
    let entries = rest::on_days(account, ENTRIES, &(day..=day));
    if entries.is_empty() {
        return json!({"food_entries": null});
    }
    let entries = entries.into_iter().rev().map(|item| item.value.clone()).collect();
    json!({"food_entries": {"food_entry": render::list(entries)}})
}

/// `food_entries.get_month`; the key of an empty list is missing.
pub(super) fn month(account: &Account, month: RangeInclusive<i64>) -> Value {
    let mut sums: BTreeMap<i64, [i64; 4]> = BTreeMap::new();
    for item in rest::on_days(account, ENTRIES, &month) {
        let sum = sums.entry(days::day(item.time)).or_default();
        for (sum, name) in sum.iter_mut().zip(SUMS) {
            *sum += hundredths(&item.value, name);
        }
    }
    let day = |(day, sums): (i64, [i64; 4])| {
        let [calories, carbohydrate, protein, fat] = sums.map(text);
        json!({
            "date_int": day.to_string(),
            "calories": calories,
            "carbohydrate": carbohydrate,
            "protein": protein,
            "fat": fat,
        })
    };
    with_days(&month, sums.into_iter().map(day).collect())
}

/// A month and those of its days that have data.
pub(super) fn with_days(month: &RangeInclusive<i64>, days: Vec<Value>) -> Value {
    let mut body = json!({
        "from_date_int": month.start().to_string(),
        "to_date_int": month.end().to_string(),
    });
    if let (Some(fields), false) = (body.as_object_mut(), days.is_empty()) {
        fields.insert("day".to_owned(), render::list(days));
    }
    json!({"month": body})
}

fn hundredths(value: &Value, name: &str) -> i64 {
    let number = value
        .get(name)
        .and_then(|field| field.as_f64().or_else(|| field.as_str()?.trim().parse::<f64>().ok()));
    (number.unwrap_or_default() * 100.0).round() as i64
}

/// 12300 as "123", 12345 as "123.45", 12340 as "123.4".
fn text(hundredths: i64) -> String {
    let text = format!("{}.{:02}", hundredths / 100, (hundredths % 100).abs());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
