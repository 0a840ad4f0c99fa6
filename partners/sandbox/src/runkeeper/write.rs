//! Creating, replacing and deleting items.

use serde_json::{Map, Value, json};

use super::{Resource, media, time_of};
use crate::call::{Answer, Call};
use crate::partner::{Desk, Wire};

/// What may be written, and its types.
#[derive(Debug)]
pub(super) struct Form {
    /// The media type of a new item.
    new: &'static str,
    time: &'static str,
    /// At least one of these is required.
    amounts: &'static [&'static str],
    texts: &'static [&'static str],
    lists: &'static [&'static str],
}

/// What the documentation shows as written. It shows no writes of the other resources.
pub(super) fn form(resource: &Resource) -> Option<&'static Form> {
    match resource.name {
        "weight" => Some(&Form {
            new: "NewWeightSet",
            time: "timestamp",
            amounts: &["weight", "fat_percent", "free_mass", "mass_weight", "bmi"],
            texts: &[],
            lists: &[],
        }),
        "fitnessActivities" => Some(&Form {
            new: "NewFitnessActivity",
            time: "start_time",
            amounts: &["duration", "total_distance", "total_calories", "average_heart_rate"],
            texts: &["type", "secondary_type", "equipment", "notes"],
            lists: &["path", "heart_rate"],
        }),
        "nutrition" => Some(&Form {
            new: "NewNutritionSet",
            time: "timestamp",
            amounts: &["calories", "carbohydrates", "fat", "fiber", "protein", "sodium", "water"],
            texts: &["meal"],
            lists: &[],
        }),
        _ => None,
    }
}

/// Accepted for a new item only, and not stored.
const WISHES: [&str; 3] = ["post_to_facebook", "post_to_twitter", "detect_pauses"];

impl Form {
    fn is_writable(&self, name: &str) -> bool {
        name == self.time || [self.amounts, self.texts, self.lists].concat().contains(&name)
    }

    /// Whether an item with these fields is accepted. The documentation names what an activity
    /// needs; that a set needs its time and one amount is an assumption.
    fn takes(&self, fields: &Map<String, Value>) -> bool {
        let has = |name: &str| fields.contains_key(name);
        let of_its_type = |(name, value): (&String, &Value)| {
            let name = name.as_str();
            if self.amounts.contains(&name) {
                value.as_f64().is_some_and(|amount| amount >= 0.0)
            } else if self.lists.contains(&name) {
                value.is_array()
            } else {
                value.is_string()
            }
        };
        let complete = if self.texts.contains(&"type") {
            has("type") && (has("duration") || has("path"))
        } else {
            self.amounts.iter().any(|name| has(name))
        };
        let timed = time_of(&Value::Object(fields.clone())).is_some() && has(self.time);
        complete && timed && fields.iter().all(of_its_type)
    }
}

/// Answers 201 with the address of the new item and no body.
pub(super) fn create(
    desk: &mut Desk<'_>,
    call: &Call<'_>,
    account: usize,
    resource: &'static Resource,
    form: &Form,
) -> Answer {
    if !media::is_sent(call, form.new) {
        return Answer::bare(415);
    }
    let Some(mut fields) = object(call) else { return Answer::bare(400) };
    fields.retain(|name, _| !WISHES.contains(&name.as_str()));
    if !fields.keys().all(|name| form.is_writable(name)) || !form.takes(&fields) {
        return Answer::bare(400);
    }
    let (source, now) = (desk.app.client_id.clone(), desk.now);
    let Some(account) = desk.state.accounts.get_mut(account) else {
        return Answer::bare(404);
    };
    // The name of the writing application, here the registered id. No offset is stored.
    fields.insert("source".to_owned(), json!(source));
    if resource.name == "fitnessActivities" {
        fields.insert("userID".to_owned(), json!(account.user_id));
        fields.insert("entry_mode".to_owned(), json!("API"));
        fields.insert("has_path".to_owned(), json!(fields.contains_key("path")));
    }
    let item = super::RunKeeper.file(resource.name, account, fields.into(), now);
    let location = format!("/{}/{}", resource.name, item.id);
    account.insert(resource.name, item);
    Answer::bare(201).with_header("Location", location)
}

/// Answers 200 with the whole item. Writable fields that are left out are removed; the others
/// belong to the service and stay whatever is sent.
pub(super) fn replace(
    desk: &mut Desk<'_>,
    call: &Call<'_>,
    account: usize,
    resource: &'static Resource,
    form: &Form,
    id: i64,
) -> Answer {
    if !media::is_sent(call, resource.item) {
        return Answer::bare(415);
    }
    let items =
        desk.state.accounts.get_mut(account).map(|account| account.collection_mut(resource.name));
    let Some((items, before)) =
        items.and_then(|items| items.find(id).map(|item| item.value.clone()).map(|it| (items, it)))
    else {
        return Answer::bare(404);
    };
    let Some(mut fields) = object(call) else { return Answer::bare(400) };
    let known = |name: &str| form.is_writable(name) || before.get(name).is_some();
    if !fields.keys().all(|name| known(name)) {
        return Answer::bare(400);
    }
    fields.retain(|name, _| form.is_writable(name));
    if !form.takes(&fields) {
        return Answer::bare(400);
    }
    let kept = before.as_object().into_iter().flatten();
    let kept = kept.filter(|(name, _)| !form.is_writable(name));
    fields.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    let value = Value::from(fields);
    items.edit(id, |item| {
        item.value = value.clone();
        super::RunKeeper.refile(resource.name, item, desk.now);
    });
    media::answer(desk, resource.item, &value)
}

/// Answers 204.
pub(super) fn delete(
    desk: &mut Desk<'_>,
    account: usize,
    resource: &'static Resource,
    id: i64,
) -> Answer {
    let account = desk.state.accounts.get_mut(account);
    let removed =
        account.is_some_and(|account| account.collection_mut(resource.name).remove(id, desk.now));
    Answer::bare(if removed { 204 } else { 404 })
}

fn object(call: &Call<'_>) -> Option<Map<String, Value>> {
    serde_json::from_slice(call.body).ok()
}
