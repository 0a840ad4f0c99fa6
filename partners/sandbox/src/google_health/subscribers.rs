//! Subscribers: where the project's notifications go, checked before they are stored.

use std::time::Duration;

use serde_json::{Value, json};

use super::error::{self, Refusal};
use super::{known_parameters, service_account, write};
use crate::call::{Answer, Call};
use crate::notifications::{Outcome, Probe, Request, Subscription, is_web};
use crate::partner::Desk;

/// The types that notifications exist for: those documented in May 2026, and what the sandbox has
/// besides.
const TYPES: [&str; 20] = [
    "active-zone-minutes",
    "altitude",
    "body-fat",
    "calories-in-heart-rate-zone",
    "daily-heart-rate-variability",
    "daily-heart-rate-zones",
    "daily-oxygen-saturation",
    "daily-resting-heart-rate",
    "daily-sleep-temperature-derivations",
    "distance",
    "exercise",
    "floors",
    "heart-rate",
    "height",
    "hydration-log",
    "nutrition-log",
    "sleep",
    "steps",
    "total-calories",
    "weight",
];

/// How long the endpoint may take to answer each check.
const CHECK: Duration = Duration::from_secs(10);

pub(super) fn answer(
    desk: &mut Desk<'_>,
    call: &Call<'_>,
    project: &str,
    id: Option<&str>,
) -> Result<Answer, Refusal> {
    service_account::authorized(desk, call, project)?;
    match (call.method, id) {
        ("POST", None) => create(desk, call, project),
        ("GET", None) => {
            known_parameters(call, &["pageSize", "pageToken"])?;
            let all = desk.state.notices.of_application.iter();
            let list: Vec<Value> = all.map(|it| shown(it, project, true)).collect();
            Ok(Answer::json(200, &json!({"subscribers": list, "totalSize": list.len()})))
        }
        ("GET", Some(id)) => {
            let found = desk.state.notices.of_application.iter().find(|it| it.id == id);
            let shown = found.map(|it| Answer::json(200, &shown(it, project, true)));
            shown.ok_or_else(error::not_found)
        }
        ("PATCH", Some(id)) => patch(desk, call, project, id),
        ("DELETE", Some(id)) => {
            known_parameters(call, &["force"])?;
            let list = &mut desk.state.notices.of_application;
            let place = list.iter().position(|it| it.id == id).ok_or_else(error::not_found)?;
            list.remove(place);
            Ok(Answer::json(200, &json!({})))
        }
        _ => Err(error::no_such_address()),
    }
}

fn create(desk: &mut Desk<'_>, call: &Call<'_>, project: &str) -> Result<Answer, Refusal> {
    known_parameters(call, &["subscriberId"])?;
    let id = match call.params.get("subscriberId") {
        Some(id) if is_id(id) => id.to_owned(),
        Some(_) => return Err(error::misfit("Invalid value at 'subscriber_id'")),
        None => format!("s{}", desk.state.notices.rng.hex(16)),
    };
    if desk.state.notices.of_application.iter().any(|it| it.id == id) {
        return Err(error::already_exists());
    }
    let sent = write::body(call)?;
    let configs = configs(&sent)?;
    let subscription = Subscription {
        id,
        account: None,
        topics: topics(&configs),
        callback: Some(endpoint(&sent)?),
        secret: Some(secret(&sent)?),
        created_at: desk.now,
        further: configs,
    };
    Ok(verified(desk, project, subscription))
}

fn patch(desk: &mut Desk<'_>, call: &Call<'_>, project: &str, id: &str) -> Result<Answer, Refusal> {
    known_parameters(call, &["updateMask"])?;
    let known = desk.state.notices.of_application.iter().find(|it| it.id == id);
    let mut changed = known.cloned().ok_or_else(error::not_found)?;
    let sent = write::body(call)?;
    let mask = call.params.get("updateMask").unwrap_or_default();
    let mut is_elsewhere = false;
    for field in mask.split(',') {
        match field {
            "endpointUri" => (changed.callback, is_elsewhere) = (Some(endpoint(&sent)?), true),
            "endpointAuthorization" => {
                (changed.secret, is_elsewhere) = (Some(secret(&sent)?), true);
            }
            // The whole list is replaced.
            "subscriberConfigs" => {
                changed.further = configs(&sent)?;
                changed.topics = topics(&changed.further);
            }
            _ => return Err(error::misfit("Invalid value at 'update_mask'")),
        }
    }
    if is_elsewhere {
        return Ok(verified(desk, project, changed));
    }
    let answer = Answer::json(200, &shown(&changed, project, false));
    store(desk, changed);
    Ok(answer)
}

/// Between 4 and 36 characters: a letter, then letters, digits and hyphens, no hyphen at the end.
fn is_id(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (4..=36).contains(&id.len())
        && id.bytes().all(fits)
        && id.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && !id.ends_with('-')
}

fn endpoint(sent: &Value) -> Result<String, Refusal> {
    let given = sent.get("endpointUri").and_then(Value::as_str).filter(|url| is_web(url));
    given.map(str::to_owned).ok_or_else(|| error::misfit("Invalid value at 'endpoint_uri'"))
}

fn secret(sent: &Value) -> Result<String, Refusal> {
    let given = sent.pointer("/endpointAuthorization/secret").and_then(Value::as_str);
    let given = given.filter(|secret| !secret.is_empty()).map(str::to_owned);
    given.ok_or_else(|| error::misfit("Invalid value at 'endpoint_authorization.secret'"))
}

fn configs(sent: &Value) -> Result<Value, Refusal> {
    let wrong = || error::misfit("Invalid value at 'subscriber_configs'");
    let configs = sent.get("subscriberConfigs").and_then(Value::as_array).ok_or_else(wrong)?;
    for config in configs {
        let types = config.get("dataTypes").and_then(Value::as_array).ok_or_else(wrong)?;
        let known = |it: &Value| it.as_str().is_some_and(|name| TYPES.contains(&name));
        let policy = config.get("subscriptionCreatePolicy").and_then(Value::as_str);
        if !types.iter().all(known) || !matches!(policy, Some("AUTOMATIC" | "MANUAL")) {
            return Err(wrong());
        }
    }
    Ok(json!(configs))
}

/// The types whose subscriptions are made for every user. There is no call yet that makes others.
fn topics(configs: &Value) -> Vec<String> {
    let configs = configs.as_array().into_iter().flatten();
    let automatic = configs.filter(|it| it["subscriptionCreatePolicy"] == json!("AUTOMATIC"));
    let types = automatic.filter_map(|it| it.get("dataTypes")?.as_array()).flatten();
    types.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn shown(subscription: &Subscription, project: &str, listed: bool) -> Value {
    let mut value = json!({
        "name": format!("projects/{project}/subscribers/{}", subscription.id),
        "endpointUri": subscription.callback,
        "subscriberConfigs": subscription.further,
    });
    if let Some(fields) = value.as_object_mut().filter(|_| listed) {
        let authorization = json!({"authorizationTokenSet": subscription.secret.is_some()});
        fields.insert("endpointAuthorization".to_owned(), authorization);
    }
    value
}

fn store(desk: &mut Desk<'_>, subscription: Subscription) {
    let list = &mut desk.state.notices.of_application;
    match list.iter_mut().find(|it| it.id == subscription.id) {
        Some(known) => *known = subscription,
        None => list.push(subscription),
    }
}

/// The endpoint is asked twice: with the secret it must agree, and without it must refuse.
fn verified(desk: &mut Desk<'_>, project: &str, subscription: Subscription) -> Answer {
    let check = |secret: Option<&String>| {
        let mut headers = vec![
            ("User-Agent", "Google-Health-API-Webhooks-Verifier".to_owned()),
            ("Content-Type", "application/json".to_owned()),
        ];
        headers.extend(secret.map(|secret| ("Authorization", secret.clone())));
        Request {
            method: "POST",
            url: subscription.callback.clone().unwrap_or_default(),
            headers,
            body: json!({"type": "verification"}).to_string(),
            time_limit: CHECK,
        }
    };
    let requests = vec![check(subscription.secret.as_ref()), check(None)];
    let project = project.to_owned();
    let then = move |desk: &mut Desk<'_>, heard: &[Outcome]| {
        let status = |place: usize| heard.get(place).and_then(Outcome::status);
        if matches!(status(0), Some(200 | 201)) && matches!(status(1), Some(401 | 403)) {
            let answer = Answer::json(200, &shown(&subscription, &project, false));
            store(desk, subscription);
            answer
        } else {
            error::precondition("Endpoint verification failed.")
        }
    };
    desk.probe = Some(Probe { requests, then: Box::new(then) });
    Answer::bare(200)
}

#[cfg(test)]
mod tests {
    use super::is_id;

    #[test]
    fn ids_are_lower_case_words() {
        for (id, fits) in [
            ("abc-1", true),
            ("abcd", true),
            ("abc", false),
            ("1abc", false),
            ("abc-", false),
            ("aBcd", false),
            (&"a".repeat(36), true),
            (&"a".repeat(37), false),
        ] {
            assert_eq!(is_id(id), fits, "{id}");
        }
    }
}
