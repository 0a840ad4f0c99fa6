//! Google Health: the service account, subscribers and their verification, notifications.

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use partner_sandbox::{Hits, NotificationFaults, Sandbox, TokenAction, service_account_json};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::receiver::{Received, Receiver, Said, says};
use super::*;

const SECRET: &str = "Bearer R4nd0m";

/// A good endpoint: agrees with the secret, refuses without it.
fn endpoint(it: &Received) -> Said {
    match it.header("authorization") {
        Some(SECRET) if it.body == br#"{"type":"verification"}"# => says(201),
        Some(SECRET) => says(204),
        _ => says(401),
    }
}

fn signed(key_file: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&json!({"alg": "RS256", "typ": "JWT"})), part(claims));
    let pem = key_file["private_key"].as_str().unwrap();
    let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(der).unwrap()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn ask(key_file: &Value, assertion: &str) -> Reply {
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    let url = key_file["token_uri"].as_str().unwrap();
    post_form(url, &[("grant_type", grant), ("assertion", assertion)])
}

fn key_file(sandbox: &Sandbox) -> (Value, Value) {
    let key_file: Value = serde_json::from_str(&service_account_json(&sandbox.url())).unwrap();
    let now = sandbox.control().now();
    let claims = json!({
        "iss": key_file["client_email"], "aud": key_file["token_uri"], "iat": now, "exp": now + 3_600,
        "scope": "https://www.googleapis.com/auth/cloud-platform",
    });
    (key_file, claims)
}

fn service_token(sandbox: &Sandbox) -> String {
    let (key_file, claims) = key_file(sandbox);
    let answer = ask(&key_file, &signed(&key_file, &claims)).json();
    assert_eq!((&answer["expires_in"], &answer["token_type"]), (&json!(3_599), &json!("Bearer")));
    answer["access_token"].as_str().unwrap().to_owned()
}

fn api(sandbox: &Sandbox, method: &str, token: &str, path: &str, body: Value) -> Reply {
    let url = format!("{}/v4/{path}", sandbox.urls("google_health").api_url);
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    send(method, &url, &headers, &body.to_string()).unwrap()
}

fn subscriber(url: &str) -> Value {
    json!({"endpointUri": url, "endpointAuthorization": {"secret": SECRET},
           "subscriberConfigs": [{"dataTypes": ["weight", "exercise"], "subscriptionCreatePolicy": "AUTOMATIC"},
                                 {"dataTypes": ["sleep"], "subscriptionCreatePolicy": "MANUAL"}]})
}

const CREATE: &str = "projects/1002003004/subscribers?subscriberId=abc-1";

fn ready() -> (Sandbox, Receiver, String) {
    let (sandbox, receiver) = (relaxed(), Receiver::start(endpoint));
    connected(&sandbox, "google_health", "user");
    let token = service_token(&sandbox);
    let made = api(&sandbox, "POST", &token, CREATE, subscriber(&receiver.url("/n")));
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!(made.json()["name"], json!("projects/1002003004/subscribers/abc-1"));
    let checks = receiver.take(2);
    for check in &checks {
        assert_eq!(check.header("user-agent"), Some("Google-Health-API-Webhooks-Verifier"));
        assert_eq!(check.body, br#"{"type":"verification"}"#);
    }
    let secrets = checks.iter().map(|it| it.header("authorization"));
    assert_eq!(secrets.collect::<Vec<_>>(), [Some(SECRET), None]);
    (sandbox, receiver, token)
}

fn weight(time: &str, grams: i64) -> Value {
    json!({"weight": {"sampleTime": {"physicalTime": time, "utcOffset": "7200s"}, "weightGrams": grams}})
}

#[test]
fn assertions_are_checked_as_rfc_7523_and_google_say() {
    let sandbox = relaxed();
    let (key_file, claims) = key_file(&sandbox);
    assert_eq!(key_file["project_id"], json!("syncwell-sandbox"));
    let good = signed(&key_file, &claims);
    let refused = |assertion: &str| {
        let reply = ask(&key_file, assertion);
        assert_eq!(reply.status, 400, "{}", reply.text());
        (
            reply.json()["error"].clone(),
            reply.json()["error_description"].as_str().unwrap().to_owned(),
        )
    };
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        signed(&key_file, &claims)
    };
    let (head, signature) = good.rsplit_once('.').unwrap();
    let other = with("exp", json!(START + 60));
    let (other, _) = other.rsplit_once('.').unwrap();
    assert_ne!(head, other);
    assert_eq!(refused(&format!("{other}.{signature}")).1, "Invalid JWT Signature.");
    assert!(refused(&with("aud", json!("https://elsewhere"))).1.contains("audience"));
    assert!(refused(&with("iat", json!(START - 90_000))).1.contains("short-lived"));
    let late = START - 4_000;
    let mut old = claims.clone();
    (old["iat"], old["exp"]) = (json!(late - 3_600), json!(late));
    assert!(refused(&signed(&key_file, &old)).1.contains("short-lived"));
    assert!(refused(&with("iss", json!("me@example.com"))).1.contains("account not found"));
    assert_eq!(refused(&with("scope", json!("openid"))).0, json!("invalid_scope"));
    assert_eq!(refused("nonsense").0, json!("invalid_grant"));
    assert_eq!(ask(&key_file, &good).status, 200);
}

#[test]
fn only_an_endpoint_that_passes_both_checks_is_stored() {
    let (sandbox, receiver) = (relaxed(), Receiver::of(200));
    let token = service_token(&sandbox);
    let create = |token: &str, path: &str| {
        api(&sandbox, "POST", token, path, subscriber(&receiver.url("/n")))
    };
    let refused = create(&token, CREATE);
    assert_eq!(
        (refused.status, &refused.json()["error"]["status"]),
        (400, &json!("FAILED_PRECONDITION"))
    );
    receiver.answer(|_| says(401));
    assert_eq!(create(&token, CREATE).status, 400);
    receiver.answer(|it| says(if it.header("authorization").is_some() { 204 } else { 401 }));
    assert_eq!(create(&token, CREATE).status, 400, "204 is neither 200 nor 201");
    let list = "projects/syncwell-sandbox/subscribers";
    assert_eq!(api(&sandbox, "GET", &token, list, Value::Null).json()["totalSize"], json!(0));
    receiver.answer(endpoint);
    assert_eq!(create("made-up", CREATE).status, 401);
    let user = super::token(&sandbox, "google_health", "account-1");
    assert_eq!(create(&user, CREATE).status, 403, "a user is not the project");
    assert_eq!(create(&token, "projects/7/subscribers?subscriberId=abc-1").status, 403);
    assert_eq!(create(&token, "projects/1002003004/subscribers?subscriberId=Abc").status, 400);
    let mut unknown = subscriber(&receiver.url("/n"));
    unknown["subscriberConfigs"][0]["dataTypes"] = json!(["mood"]);
    assert_eq!(api(&sandbox, "POST", &token, CREATE, unknown).status, 400);
    assert_eq!(create(&token, CREATE).status, 200);
    assert_eq!(create(&token, CREATE).status, 409);
}

#[test]
fn subscribers_are_listed_changed_and_deleted() {
    let (sandbox, receiver, token) = ready();
    let all = "projects/1002003004/subscribers";
    let one = "projects/1002003004/subscribers/abc-1";
    let listed = api(&sandbox, "GET", &token, all, Value::Null).json();
    assert_eq!(
        listed["subscribers"][0]["endpointAuthorization"],
        json!({"authorizationTokenSet": true})
    );
    assert!(!listed.to_string().contains("R4nd0m"));
    let patch = |mask: &str, body: Value| {
        api(&sandbox, "PATCH", &token, &format!("{one}?updateMask={mask}"), body)
    };
    let configs = json!([{"dataTypes": ["body-fat"], "subscriptionCreatePolicy": "AUTOMATIC"}]);
    let body = json!({"subscriberConfigs": configs, "endpointUri": "ignored"});
    assert_eq!(patch("subscriberConfigs", body).json()["subscriberConfigs"], configs);
    receiver.answer(|_| says(200));
    assert_eq!(patch("endpointUri", json!({"endpointUri": receiver.url("/other")})).status, 400);
    let other = receiver.take(2);
    assert_eq!(other[0].target, "/other");
    receiver.answer(endpoint);
    assert_eq!(patch("endpointUri", json!({"endpointUri": receiver.url("/other")})).status, 200);
    receiver.take(2);
    assert_eq!(patch("mood", json!({})).status, 400);
    let control = sandbox.control();
    let point = vec![weight("2026-09-30T05:00:00Z", 70_000)];
    control.append("google_health", "user", "weight", point).unwrap();
    let fat = json!({"bodyFat": {"sampleTime": {"physicalTime": "2026-09-30T05:00:00Z"}, "percentage": 20}});
    control.append("google_health", "user", "body-fat", vec![fat]).unwrap();
    assert_eq!(receiver.one().target, "/other", "of body fat only");
    assert_eq!(api(&sandbox, "DELETE", &token, one, Value::Null).json(), json!({}));
    assert_eq!(api(&sandbox, "DELETE", &token, one, Value::Null).status, 404);
    assert!(control.subscriptions("google_health").unwrap().is_empty());
}

#[test]
fn data_is_notified_of_with_its_intervals_and_the_secret() {
    let (sandbox, receiver, _) = ready();
    let control = sandbox.control();
    let points =
        vec![weight("2026-09-30T05:00:00Z", 70_000), weight("2026-09-30T23:00:00Z", 70_100)];
    let ids = control.append("google_health", "user", "weight", points).unwrap();
    let received = receiver.one();
    assert_eq!(received.header("authorization"), Some(SECRET));
    let data = received.json()["data"].clone();
    let user = control.accounts("google_health").unwrap();
    let user = user.iter().find(|it| it.account == "user").unwrap().user_id.to_string();
    assert_eq!((&data["version"], &data["healthUserId"]), (&json!("1"), &json!(user)));
    assert_eq!((&data["operation"], &data["dataType"]), (&json!("UPSERT"), &json!("weight")));
    assert_eq!(data["clientProvidedSubscriptionName"].as_str().unwrap().len(), 36);
    let interval = json!({
        "physicalTimeInterval": {"startTime": "2026-09-30T23:00:00Z", "endTime": "2026-09-30T23:00:01Z"},
        "civilDateTimeInterval": {
            "startDateTime": {"date": {"year": 2026, "month": 10, "day": 1}, "time": {"hours": 1}},
            "endDateTime": {"date": {"year": 2026, "month": 10, "day": 1}, "time": {"hours": 1, "seconds": 1}}},
        "civilIso8601TimeInterval": {"startTime": "2026-10-01T01:00:00", "endTime": "2026-10-01T01:00:01"},
    });
    assert_eq!(
        (data["intervals"].as_array().unwrap().len(), &data["intervals"][1]),
        (2, &interval)
    );

    control.delete("google_health", "user", "weight", ids[1]).unwrap();
    let data = receiver.one().json()["data"].clone();
    assert_eq!((&data["operation"], &data["intervals"]), (&json!("DELETE"), &json!([interval])));

    let own = token(&sandbox, "google_health", "user");
    let path = "users/me/dataTypes/weight/dataPoints";
    let made = api(&sandbox, "POST", &own, path, weight("2026-09-29T05:00:00Z", 71_000));
    assert_eq!(made.status, 200, "{}", made.text());
    let data = receiver.one().json()["data"].clone();
    let start = &data["intervals"][0]["physicalTimeInterval"]["startTime"];
    assert_eq!((&data["operation"], start), (&json!("UPSERT"), &json!("2026-09-29T05:00:00Z")));

    control.tokens("google_health", "user", TokenAction::Revoke).unwrap();
    let data = receiver.one().json()["data"].clone();
    let whole = json!({"startTime": "2026-09-29T05:00:00Z", "endTime": "2026-09-30T05:00:01Z"});
    assert_eq!(data["operation"], json!("DELETE"));
    assert_eq!(data["intervals"][0]["physicalTimeInterval"], whole);
    control
        .append("google_health", "user", "weight", vec![weight("2026-09-28T05:00:00Z", 1)])
        .unwrap();
    assert_eq!(settled(&sandbox, "google_health").made, 4);
}

#[test]
fn what_is_not_answered_204_comes_again_for_a_week() {
    let (sandbox, receiver, _) = ready();
    receiver.answer(|_| says(200));
    let control = sandbox.control();
    let faults = NotificationFaults { bad_signature: Hits::next(1), ..Default::default() };
    control.set_notification_faults("google_health", faults).unwrap();
    let point = vec![weight("2026-09-30T05:00:00Z", 70_000)];
    control.append("google_health", "user", "weight", point.clone()).unwrap();
    assert_ne!(receiver.one().header("authorization"), Some(SECRET));
    // Twice as long each time, and an hour at most, for a week.
    let waits = (0..178).map(|attempt: u32| (1 << attempt.min(12)).min(3_600));
    let deliveries = given_up(&sandbox, "google_health", waits);
    let lasted = deliveries.last[178].at - deliveries.last[0].at;
    assert_eq!((lasted / 3_600, deliveries.retried), (7 * 24 - 1, 178));
    receiver.take(usize::try_from(deliveries.retried).unwrap());
    receiver.answer(endpoint);
    control.append("google_health", "user", "weight", point).unwrap();
    receiver.one();
    assert_eq!(settled(&sandbox, "google_health").given_up, 1);
}
