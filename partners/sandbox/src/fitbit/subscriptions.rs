//! Subscriptions of users to collections: `apiSubscriptions`.

use serde_json::{Value, json};

use super::{SCOPES, authorized, encoded_id, failure};
use crate::call::{Answer, Call};
use crate::notifications::Subscription;
use crate::partner::Desk;

/// The longest id.
const LONGEST: usize = 50;

/// The only subscriber that the console has.
const SUBSCRIBER: &str = "1";

/// The path behind the user: an optional collection, `apiSubscriptions`, an optional id.
pub(super) fn place<'a>(rest: &[&'a str]) -> Option<(&'a str, Option<&'a str>)> {
    match *rest {
        ["apiSubscriptions"] => Some(("", None)),
        ["apiSubscriptions", id] => Some(("", Some(id))),
        [collection, "apiSubscriptions"] => Some((collection, None)),
        [collection, "apiSubscriptions", id] => Some((collection, Some(id))),
        _ => None,
    }
}

pub(super) fn answer(
    desk: &mut Desk<'_>,
    call: &Call<'_>,
    user: &str,
    (collection, id): (&str, Option<&str>),
) -> Result<Answer, Answer> {
    let number = account(desk, call, collection)?;
    let account = desk.state.accounts.get(number).ok_or_else(failure::not_found)?;
    let owner = encoded_id(account.user_id);
    if user != "-" && user != owner {
        return Err(failure::not_found());
    }
    match (call.method, id) {
        ("GET", None) => {
            let all = desk.state.notices.of_account(number).iter();
            let found = all.filter(|it| collection.is_empty() || it.is_about(collection));
            let list: Vec<Value> = found.map(|it| shown(it, &owner)).collect();
            Ok(Answer::json(200, &json!({"apiSubscriptions": list})))
        }
        ("POST", Some(id)) => subscribe(desk, call, number, collection, id),
        ("DELETE", Some(id)) => {
            let list = desk.state.notices.of_accounts.entry(number).or_default();
            let before = list.len();
            list.retain(|it| !(it.id == id && it.is_about(collection)));
            let (removed, is_empty) = (list.len() < before, list.is_empty());
            if is_empty {
                desk.state.notices.forget(number);
            }
            if removed { Ok(Answer::bare(204)) } else { Err(failure::not_found()) }
        }
        _ => Err(failure::not_found()),
    }
}

/// The account, when the user granted what the collection is part of.
fn account(desk: &mut Desk<'_>, call: &Call<'_>, collection: &str) -> Result<usize, Answer> {
    match collection {
        "activities" => authorized(desk, call, "activity"),
        "body" => authorized(desk, call, "weight"),
        "foods" => authorized(desk, call, "nutrition"),
        "sleep" => authorized(desk, call, "sleep"),
        "" | "userRevokedAccess" => {
            let token = call.bearer.unwrap_or_default();
            let any = SCOPES.iter().find(|scope| desk.state.tokens.has_scope(token, scope));
            authorized(desk, call, any.unwrap_or(&SCOPES[0]))
        }
        _ => Err(failure::not_found()),
    }
}

fn subscribe(
    desk: &mut Desk<'_>,
    call: &Call<'_>,
    number: usize,
    collection: &str,
    id: &str,
) -> Result<Answer, Answer> {
    if id.is_empty() || id.len() > LONGEST {
        return Err(failure::validation("subscription-id"));
    }
    if call.subscriber_id.is_some_and(|given| given != SUBSCRIBER) {
        return Err(failure::validation("X-Fitbit-Subscriber-Id"));
    }
    let account = desk.state.accounts.get(number).ok_or_else(failure::not_found)?;
    let (name, owner) = (account.name.clone(), encoded_id(account.user_id));
    let taken = desk.state.notices.of_accounts.iter().find_map(|(owner, list)| {
        let found = list.iter().find(|it| it.id == id)?;
        Some(*owner == number && found.is_about(collection))
    });
    let own = desk.state.notices.of_account(number);
    match taken {
        Some(true) => {
            let found = own.iter().find(|it| it.id == id && it.is_about(collection));
            return found.map(|it| Answer::json(200, &shown(it, &owner))).ok_or_else(conflict);
        }
        Some(false) => return Err(conflict()),
        None if own.iter().any(|it| it.is_about(collection)) => return Err(conflict()),
        None => {}
    }
    let subscription = Subscription {
        id: id.to_owned(),
        account: Some(name),
        topics: vec![collection.to_owned()],
        callback: desk.state.notices.console.clone(),
        secret: None,
        created_at: desk.now,
        further: Value::Null,
    };
    let answer = Answer::json(201, &shown(&subscription, &owner));
    desk.state.notices.of_accounts.entry(number).or_default().push(subscription);
    Ok(answer)
}

/// The id stands for another stream, or the stream has another id.
fn conflict() -> Answer {
    let message = "The subscription id or the stream is already in use.";
    failure::of(409, "conflict", Some("subscription-id"), message)
}

fn shown(subscription: &Subscription, owner: &str) -> Value {
    let mut value = json!({
        "ownerId": owner, "ownerType": "user", "subscriberId": SUBSCRIBER,
        "subscriptionId": subscription.id,
    });
    let collection = subscription.topics.first().filter(|collection| !collection.is_empty());
    if let (Some(collection), Some(fields)) = (collection, value.as_object_mut()) {
        fields.insert("collectionType".to_owned(), json!(collection));
    }
    value
}
