//! Subscriptions to notifications, one for each user and service: `POST /notify`.

use std::time::Duration;

use serde_json::{Value, json};

use super::{SCOPES, authorized, envelope, number};
use crate::call::{Answer, Call};
use crate::notifications::{Outcome, Probe, Request, Subscription, is_web};
use crate::partner::Desk;

/// The services a user can be subscribed to.
const SERVICES: [i64; 17] = [1, 2, 4, 16, 44, 46, 50, 51, 52, 53, 54, 55, 58, 60, 61, 62, 63];

/// How long a callback address may take to answer the probe.
const PROBE: Duration = Duration::from_secs(10);

/// The longest comment and the longest address.
const LONGEST: usize = 255;

/// The end of time, as seen in the real answers.
const EXPIRES: i64 = 2_147_483_647;

pub(super) fn answer(desk: &mut Desk<'_>, call: &Call<'_>) -> Answer {
    let answer = match call.params.get("action") {
        Some("subscribe") => subscribe(desk, call),
        Some("list") => list(desk, call),
        Some("get") => get(desk, call),
        Some("update") => update(desk, call),
        Some("revoke") => revoke(desk, call),
        _ => return envelope::unknown_action(),
    };
    answer.unwrap_or_else(|refusal| refusal)
}

/// The account behind a call, when the user granted what the service is part of.
fn user(desk: &mut Desk<'_>, call: &Call<'_>, service: Option<i64>) -> Result<usize, Answer> {
    let scopes: &[&str] = match service {
        None | Some(46) => &SCOPES,
        Some(16 | 44) => &["user.activity"],
        Some(50..=52) => &["user.sleepevents"],
        Some(_) => &["user.metrics"],
    };
    let mut outcome = Err(envelope::unknown_action());
    for scope in scopes {
        outcome = authorized(desk, call, scope);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn service(call: &Call<'_>, name: &str) -> Result<Option<i64>, Answer> {
    let service = number(call, name)?;
    match service.filter(|service| !SERVICES.contains(service)) {
        Some(_) => Err(envelope::invalid(name)),
        None => Ok(service),
    }
}

fn required_service(call: &Call<'_>) -> Result<i64, Answer> {
    service(call, "appli")?.ok_or_else(|| envelope::invalid("appli"))
}

fn address<'a>(call: &'a Call<'_>, name: &str) -> Result<&'a str, Answer> {
    let given = call.params.get(name).filter(|url| url.len() <= LONGEST && is_web(url));
    given.ok_or_else(|| envelope::failed(293, "The callback URL is either absent or incorrect"))
}

fn comment<'a>(call: &'a Call<'_>) -> Result<Option<&'a str>, Answer> {
    match call.params.get("comment") {
        Some(comment) if comment.chars().count() > LONGEST => {
            Err(envelope::failed(304, "The comment is either absent or incorrect"))
        }
        comment => Ok(comment),
    }
}

fn no_such_subscription() -> Answer {
    envelope::failed(286, "No such subscription was found")
}

/// The subscription of a user to a service at an address.
fn place(desk: &Desk<'_>, user: usize, service: i64, url: &str) -> Option<usize> {
    let topic = service.to_string();
    desk.state.notices.of_account(user).iter().position(|subscription| {
        subscription.is_about(&topic) && subscription.callback.as_deref() == Some(url)
    })
}

/// Withings sends a HEAD to the address first, and refuses one that does not answer it well.
fn probe(
    desk: &mut Desk<'_>,
    url: &str,
    then: impl FnOnce(&mut Desk<'_>) + 'static,
) -> Result<Answer, Answer> {
    let request = Request {
        method: "HEAD",
        url: url.to_owned(),
        headers: Vec::new(),
        body: String::new(),
        time_limit: PROBE,
    };
    let then = move |desk: &mut Desk<'_>, heard: &[Outcome]| {
        let status = heard.first().and_then(Outcome::status);
        if status.is_some_and(|status| (200..400).contains(&status)) {
            then(desk);
            envelope::ok(&json!({}))
        } else {
            envelope::failed(343, "The callback URL was not found")
        }
    };
    desk.probe = Some(Probe { requests: vec![request], then: Box::new(then) });
    Ok(envelope::ok(&json!({})))
}

fn subscribe(desk: &mut Desk<'_>, call: &Call<'_>) -> Result<Answer, Answer> {
    let service = required_service(call)?;
    let number = user(desk, call, Some(service))?;
    let url = address(call, "callbackurl")?.to_owned();
    let comment = comment(call)?.unwrap_or_default().to_owned();
    let name = desk.state.accounts.get(number).map(|account| account.name.clone());
    probe(desk, &url.clone(), move |desk| {
        let subscription = Subscription {
            id: format!("{service} {url}"),
            account: name,
            topics: vec![service.to_string()],
            callback: Some(url.clone()),
            secret: None,
            created_at: desk.now,
            further: json!({"comment": comment}),
        };
        let found = place(desk, number, service, &url);
        let list = desk.state.notices.of_accounts.entry(number).or_default();
        match found.and_then(|place| list.get_mut(place)) {
            Some(known) => *known = subscription,
            None => list.push(subscription),
        }
    })
}

fn profile(subscription: &Subscription) -> Value {
    let service = subscription.topics.first().and_then(|topic| topic.parse::<i64>().ok());
    json!({
        "appli": service, "callbackurl": subscription.callback,
        "comment": subscription.further.get("comment"), "expires": EXPIRES,
    })
}

fn list(desk: &mut Desk<'_>, call: &Call<'_>) -> Result<Answer, Answer> {
    let service = service(call, "appli")?;
    let number = user(desk, call, service)?;
    let asked = service.map(|service| service.to_string());
    let all = desk.state.notices.of_account(number).iter();
    let found = all.filter(|it| asked.as_deref().is_none_or(|topic| it.is_about(topic)));
    Ok(envelope::ok(&json!({"profiles": found.map(profile).collect::<Vec<_>>()})))
}

fn get(desk: &mut Desk<'_>, call: &Call<'_>) -> Result<Answer, Answer> {
    let service = required_service(call)?;
    let number = user(desk, call, Some(service))?;
    let place = place(desk, number, service, address(call, "callbackurl")?);
    let found = place.and_then(|place| desk.state.notices.of_account(number).get(place));
    found.map(|found| envelope::ok(&profile(found))).ok_or_else(no_such_subscription)
}

fn update(desk: &mut Desk<'_>, call: &Call<'_>) -> Result<Answer, Answer> {
    let old_service = required_service(call)?;
    let number = user(desk, call, Some(old_service))?;
    let old = address(call, "callbackurl")?.to_owned();
    let new_service = service(call, "new_appli")?.unwrap_or(old_service);
    user(desk, call, Some(new_service))?;
    let new = match call.params.get("new_callbackurl") {
        Some(_) => address(call, "new_callbackurl")?.to_owned(),
        None => old.clone(),
    };
    let comment = comment(call)?.map(str::to_owned);
    place(desk, number, old_service, &old).ok_or_else(no_such_subscription)?;
    probe(desk, &new.clone(), move |desk| {
        let place = place(desk, number, old_service, &old);
        let list = desk.state.notices.of_accounts.entry(number).or_default();
        if let Some(known) = place.and_then(|place| list.get_mut(place)) {
            known.id = format!("{new_service} {new}");
            known.topics = vec![new_service.to_string()];
            known.callback = Some(new);
            if let Some(comment) = comment {
                known.further = json!({"comment": comment});
            }
        }
    })
}

fn revoke(desk: &mut Desk<'_>, call: &Call<'_>) -> Result<Answer, Answer> {
    let service = required_service(call)?;
    let number = user(desk, call, Some(service))?;
    let place = place(desk, number, service, address(call, "callbackurl")?);
    let place = place.ok_or_else(no_such_subscription)?;
    if let Some(list) = desk.state.notices.of_accounts.get_mut(&number) {
        list.remove(place);
        if list.is_empty() {
            desk.state.notices.forget(number);
        }
    }
    Ok(envelope::ok(&json!({})))
}
