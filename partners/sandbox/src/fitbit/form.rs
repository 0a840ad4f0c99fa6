//! Parameters of writes: form or query, never JSON.

use chrono::NaiveDate;

use super::{failure, wall};
use crate::call::{Answer, Call};

/// A required parameter.
pub(super) fn text<'a>(call: &'a Call<'_>, name: &str) -> Result<&'a str, Answer> {
    let given = call.params.get(name).filter(|text| !text.is_empty());
    given.ok_or_else(|| failure::validation(name))
}

/// A plain decimal number; `None` when it is missing.
pub(super) fn decimal(call: &Call<'_>, name: &str) -> Result<Option<f64>, Answer> {
    let Some(text) = call.params.get(name) else {
        return Ok(None);
    };
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = text.parse::<f64>().ok().filter(|number| plain && number.is_finite());
    number.map(Some).ok_or_else(|| failure::validation(name))
}

/// A whole number; `None` when it is missing.
pub(super) fn whole(call: &Call<'_>, name: &str) -> Result<Option<i64>, Answer> {
    let number = call.params.get(name).map(|text| text.parse::<i64>().ok().filter(|it| *it >= 0));
    match number {
        None => Ok(None),
        Some(number) => number.map(Some).ok_or_else(|| failure::validation(name)),
    }
}

pub(super) fn day(call: &Call<'_>) -> Result<NaiveDate, Answer> {
    wall::day(text(call, "date")?).ok_or_else(|| failure::validation("date"))
}
