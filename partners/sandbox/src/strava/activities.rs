//! Reading activities.

use std::ops::Bound;

use serde_json::Value;

use super::{ACTIVITIES, authorized, fault, not_found};
use crate::call::{Answer, Call};
use crate::partner::Desk;

const READ: [&str; 2] = ["activity:read", "activity:read_all"];
const READ_PERMISSION: &str = "activity:read_permission";

/// Default 30, at most 200 (<https://developers.strava.com/docs/reference/>).
const PAGE_SIZE: usize = 30;
const LARGEST_PAGE: usize = 200;

/// Fields that only the detailed form has.
const DETAILS: [&str; 3] = ["calories", "description", "device_name"];

pub(super) fn list(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    let account = match authorized(desk, call, &READ, READ_PERMISSION) {
        Ok(account) => account,
        Err(refusal) => return refusal,
    };
    let sees_all = sees_all(desk, call);
    let question = match Question::read(call) {
        Ok(question) => question,
        Err(field) => return fault(400, "Bad Request", "Activity", field, "invalid"),
    };
    let items = desk.state.accounts.get(account).and_then(|account| account.collection(ACTIVITIES));
    let Some(items) = items.filter(|_| question.is_open()) else {
        return Answer::json(200, &Vec::<Value>::new());
    };
    let mut found: Vec<_> = items.newest((question.after, question.before)).collect();
    if question.after != Bound::Unbounded {
        // With `after`, the oldest comes first.
        found.reverse();
    }
    let page = found.into_iter().skip(question.skip).take(question.size);
    // What may not be seen is removed from the page, which is then a short one.
    let page = page.filter(|item| sees_all || !is_private(&item.value));
    Answer::json(200, &page.map(|item| summary(&item.value)).collect::<Vec<_>>())
}

pub(super) fn one(desk: &mut Desk<'_>, call: &Call<'_>, id: i64) -> Answer {
    let account = match authorized(desk, call, &READ, READ_PERMISSION) {
        Ok(account) => account,
        Err(refusal) => return refusal,
    };
    let sees_all = sees_all(desk, call);
    let items = desk.state.accounts.get(account).and_then(|account| account.collection(ACTIVITIES));
    match items.and_then(|items| items.find(id)) {
        Some(item) if sees_all || !is_private(&item.value) => {
            Answer::json(200, &detailed(&item.value))
        }
        _ => not_found(),
    }
}

fn sees_all(desk: &mut Desk<'_>, call: &Call<'_>) -> bool {
    authorized(desk, call, &["activity:read_all"], "").is_ok()
}

pub(super) fn is_private(value: &Value) -> bool {
    value.get("visibility").and_then(Value::as_str) == Some("only_me")
}

/// The form in lists.
fn summary(value: &Value) -> Value {
    let mut value = with_state(value, 2);
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|name, _| !DETAILS.contains(&name.as_str()));
    }
    value
}

/// The form of a single activity.
pub(super) fn detailed(value: &Value) -> Value {
    with_state(value, 3)
}

fn with_state(value: &Value, state: u8) -> Value {
    let mut value = value.clone();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("resource_state".to_owned(), state.into());
    }
    value
}

struct Question {
    after: Bound<i64>,
    before: Bound<i64>,
    skip: usize,
    size: usize,
}

impl Question {
    /// The error is the name of the parameter.
    fn read(call: &Call<'_>) -> Result<Self, &'static str> {
        fn number<T: std::str::FromStr>(
            call: &Call<'_>,
            name: &'static str,
        ) -> Result<Option<T>, &'static str> {
            call.params.get(name).map(|text| text.parse().map_err(|_| name)).transpose()
        }
        let bound = |time: Option<i64>| time.map_or(Bound::Unbounded, Bound::Excluded);
        let page = number(call, "page")?.unwrap_or(1_usize).checked_sub(1).ok_or("page")?;
        let size = number(call, "per_page")?.unwrap_or(PAGE_SIZE);
        if !(1..=LARGEST_PAGE).contains(&size) {
            return Err("per_page");
        }
        let (after, before) = (bound(number(call, "after")?), bound(number(call, "before")?));
        Ok(Self { after, before, skip: page.saturating_mul(size), size })
    }

    /// Whether a second lies between the bounds; the trees reject an empty range.
    fn is_open(&self) -> bool {
        match (self.after, self.before) {
            (Bound::Excluded(after), Bound::Excluded(before)) => after < before,
            _ => true,
        }
    }
}
