//! `/changeLog`: the only place that shows deletions.

use std::ops::Bound;

use chrono::NaiveDateTime;
use serde_json::{Map, Value, json};

use super::{RESOURCES, item, media};
use crate::call::{Answer, Call};
use crate::partner::Desk;

pub(super) fn answer(desk: &Desk<'_>, call: &Call<'_>, account: usize) -> Answer {
    if !media::accepts(call, "ChangeLog") {
        return Answer::bare(406);
    }
    let moment = |name: &str| match call.params.get(name) {
        None => Some(None),
        Some(text) => NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S")
            .ok()
            .map(|at| Some(at.and_utc().timestamp())),
    };
    let (Some(Some(from)), Some(to)) =
        (moment("modifiedNoEarlierThan"), moment("modifiedNoLaterThan"))
    else {
        return Answer::bare(400);
    };
    let Some(account) = desk.state.accounts.get(account) else {
        return Answer::bare(404);
    };
    let range = (Bound::Included(from), to.map_or(Bound::Unbounded, Bound::Included));
    let is_empty = to.is_some_and(|to| to < from);

    let mut body = Map::new();
    let mut size = 0;
    for resource in &RESOURCES {
        let items = account.collection(resource.name).filter(|_| !is_empty);
        let modified: Vec<Value> = items
            .map(|items| {
                items.changed(range).into_iter().map(|item| item::summary(&item.value)).collect()
            })
            .unwrap_or_default();
        let deleted: Vec<String> = items
            .map(|items| {
                items.deleted(range).map(|id| format!("/{}/{id}", resource.name)).collect()
            })
            .unwrap_or_default();
        size += modified.len() + deleted.len();
        body.insert(resource.key.to_owned(), json!({"modified": modified, "deleted": deleted}));
    }
    body.insert("size".to_owned(), json!(size));
    media::answer(desk, "ChangeLog", &body)
}
