//! Codes, tokens and signed calls of Withings.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use partner_sandbox::{Sandbox, TokenAction};
use serde_json::{Value, json};
use sha2::Sha256;

use super::client::*;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn measures(sandbox: &Sandbox, token: &str) -> Value {
    call(sandbox, "/measure", token, &[("action", "getmeas"), ("category", "1")]).json()
}

fn advance(sandbox: &Sandbox, seconds: u64) {
    sandbox.control().advance(Duration::from_secs(seconds));
}

const INVALID_CODE: &str = r#"{"error":"Invalid Params: invalid code","status":503}"#;

#[test]
fn a_code_gives_tokens_once_and_only_within_thirty_seconds() {
    let sandbox = sandbox();
    let first = code(&sandbox, "withings", "account-1");
    let pair = exchange(&sandbox, &first);
    let body = good(&pair);
    assert_eq!(body["expires_in"], json!(10_800));
    assert_eq!(body["token_type"], json!("Bearer"));
    assert_eq!(body["scope"], json!("user.metrics,user.activity"));
    // The identical call comes too soon; later it is a used code.
    assert_eq!(exchange(&sandbox, &first)["status"], json!(601));
    advance(&sandbox, 21);
    assert_eq!(exchange(&sandbox, &first).to_string(), INVALID_CODE);

    let slow = code(&sandbox, "withings", "account-1");
    advance(&sandbox, 29);
    good(&exchange(&sandbox, &slow));
    let late = code(&sandbox, "withings", "account-1");
    advance(&sandbox, 32);
    assert_eq!(exchange(&sandbox, &late).to_string(), INVALID_CODE);
}

#[test]
fn token_calls_that_break_the_documentation_fail_inside_http_200() {
    let sandbox = sandbox();
    let code = code(&sandbox, "withings", "account-1");
    let right = [
        ("action", "requesttoken"),
        ("grant_type", "authorization_code"),
        ("client_id", sandbox.client_id("withings")),
        ("client_secret", sandbox.client_secret("withings")),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
    ];
    let with = |name: &str, value: &'static str| {
        let changed: Vec<_> =
            right.iter().map(|(n, v)| (*n, if *n == name { value } else { *v })).collect();
        post_form(&sandbox.urls("withings").token_url, &changed)
    };
    for (name, value, status) in [
        ("action", "gettoken", 2554),
        ("action", "", 2554),
        ("grant_type", "password", 503),
        ("client_id", "other", 503),
        ("client_secret", "wrong", 503),
        ("redirect_uri", "http://127.0.0.1:9/callback", 503),
        ("code", "made-up", 503),
    ] {
        let reply = with(name, value);
        assert_eq!(
            (reply.status, &reply.json()["status"]),
            (200, &json!(status)),
            "{name}={value}"
        );
    }
    let basic = send(
        "POST",
        &sandbox.urls("withings").token_url,
        &[("Content-Type", "application/json")],
        &json!({"action": "requesttoken"}).to_string(),
    );
    assert_eq!(basic.unwrap().json()["status"], json!(2554), "a JSON body has no parameters");
    // None of these calls used up the code.
    good(&post_form(&sandbox.urls("withings").token_url, &right).json());
}

#[test]
fn a_refresh_rotates_and_the_old_token_dies_at_first_use_of_the_new_one() {
    let sandbox = sandbox();
    let pair = exchange(&sandbox, &code(&sandbox, "withings", "account-1"));
    let old = text(&good(&pair)["refresh_token"]);
    let new = refresh(&sandbox, &old);
    assert_ne!(text(&good(&new)["refresh_token"]), old);
    assert_ne!(good(&new)["access_token"], good(&pair)["access_token"]);

    // As if the answer had been lost: while the new token is unused, the old one still works.
    advance(&sandbox, 11);
    let again = refresh(&sandbox, &old);
    let access = text(&good(&again)["access_token"]);
    good(&measures(&sandbox, &access));
    advance(&sandbox, 11);
    let dead = refresh(&sandbox, &old);
    assert_eq!(
        dead,
        json!({"status": 503, "body": {}, "error": "Invalid Params: invalid refresh_token"})
    );
    good(&refresh(&sandbox, &text(&good(&again)["refresh_token"])));

    let counts = sandbox.control().counts("withings").unwrap();
    assert_eq!((counts.refreshes, counts.refresh_token_reuse), (3, 2));
}

#[test]
fn a_replaced_refresh_token_dies_after_eight_hours_and_a_living_one_after_a_year() {
    let sandbox = sandbox();
    let tokens = sandbox.control().issue_tokens("withings", "account-1").unwrap();
    let old = tokens.refresh_token.unwrap();
    let new = text(&good(&refresh(&sandbox, &old))["refresh_token"]);
    advance(&sandbox, 8 * 3_600 - 5);
    let third = text(&good(&refresh(&sandbox, &old))["refresh_token"]);
    advance(&sandbox, 11);
    assert_eq!(refresh(&sandbox, &old)["status"], json!(503));
    good(&refresh(&sandbox, &new));
    advance(&sandbox, 366 * 86_400);
    assert_eq!(refresh(&sandbox, &third)["status"], json!(503));
}

#[test]
fn access_tokens_expire_after_three_hours_with_http_200() {
    let sandbox = sandbox();
    let access = token(&sandbox, "withings", "account-1");
    advance(&sandbox, 10_795);
    good(&measures(&sandbox, &access));
    advance(&sandbox, 15);
    let expired = measures(&sandbox, &access);
    assert_eq!((&expired["status"], &expired["body"]), (&json!(401), &json!({})));
    assert!(text(&expired["error"]).contains("invalid_token"));
    assert_eq!(measures(&sandbox, "made-up")["status"], json!(401));
}

#[test]
fn only_asked_scopes_are_usable() {
    let sandbox = sandbox();
    let url = authorize_url(&sandbox, "withings")
        .replace("user.metrics%2Cuser.activity", "user.activity");
    let back = returned(&post_form(&url, &[("account", "account-1"), ("decision", "allow")]));
    let access = text(&good(&exchange(&sandbox, &back[1].1))["access_token"]);
    assert_eq!(measures(&sandbox, &access)["status"], json!(277));
    good(
        &call(&sandbox, "/v2/measure", &access, &[("action", "getworkouts"), ("lastupdate", "0")])
            .json(),
    );
}

#[test]
fn control_ends_tokens_in_three_ways() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let tokens = control.issue_tokens("withings", "account-1").unwrap();
    control.tokens("withings", "account-1", TokenAction::ExpireAccess).unwrap();
    assert_eq!(measures(&sandbox, &tokens.access_token)["status"], json!(401));
    let new = refresh(&sandbox, &tokens.refresh_token.unwrap());
    control.tokens("withings", "account-1", TokenAction::KillRefresh).unwrap();
    good(&measures(&sandbox, &text(&good(&new)["access_token"])));
    assert_eq!(refresh(&sandbox, &text(&good(&new)["refresh_token"]))["status"], json!(503));

    let other = control.issue_tokens("withings", "account-2").unwrap();
    control.tokens("withings", "account-2", TokenAction::Revoke).unwrap();
    assert_eq!(measures(&sandbox, &other.access_token)["status"], json!(401));
    assert_eq!(refresh(&sandbox, &other.refresh_token.unwrap())["status"], json!(503));
}

fn sign(secret: &str, values: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(values.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn nonce(sandbox: &Sandbox, timestamp: &str, secret: &str) -> Value {
    let client_id = sandbox.client_id("withings");
    let signature = sign(secret, &format!("getnonce,{client_id},{timestamp}"));
    let url = format!("{}/v2/signature", sandbox.urls("withings").api_url);
    let fields = [
        ("action", "getnonce"),
        ("client_id", client_id),
        ("timestamp", timestamp),
        ("signature", &signature),
    ];
    post_form(&url, &fields).json()
}

#[test]
fn the_signed_revocation_ends_everything_of_that_user() {
    let sandbox = sandbox();
    let tokens = sandbox.control().issue_tokens("withings", "account-1").unwrap();
    let (client_id, secret) = (sandbox.client_id("withings"), sandbox.client_secret("withings"));
    assert_eq!(nonce(&sandbox, "1790856000", "wrong")["status"], json!(342));
    let nonce = text(&good(&nonce(&sandbox, "1790856001", secret))["nonce"]);
    let user = tokens.user_id.to_string();
    let revoke = |signature: &str| {
        let fields = [
            ("action", "revoke"),
            ("client_id", client_id),
            ("nonce", nonce.as_str()),
            ("signature", signature),
            ("userid", user.as_str()),
        ];
        post_form(&sandbox.urls("withings").revoke_url.unwrap(), &fields).json()
    };
    assert_eq!(revoke("00")["status"], json!(342));
    good(&measures(&sandbox, &tokens.access_token));
    let signature = sign(secret, &format!("revoke,{client_id},{nonce}"));
    good(&revoke(&signature));
    advance(&sandbox, 11);
    assert_eq!(measures(&sandbox, &tokens.access_token)["status"], json!(401));
    assert_eq!(sandbox.control().counts("withings").unwrap().revoked, 1);
    assert_ne!(revoke(&signature)["status"], json!(0), "a nonce is good for one call");
}

#[test]
fn equal_calls_within_ten_seconds_are_refused_and_each_repeat_extends_the_wait() {
    let sandbox = sandbox();
    let access = token(&sandbox, "withings", "account-1");
    let other = token(&sandbox, "withings", "account-2");
    good(&measures(&sandbox, &access));
    good(&measures(&sandbox, &other));
    let refused = measures(&sandbox, &access);
    assert_eq!(refused["status"], json!(601));
    let first_wait = refused["body"]["wait_seconds"].as_i64().unwrap();
    let second_wait = measures(&sandbox, &access)["body"]["wait_seconds"].as_i64().unwrap();
    assert!(first_wait >= 10 && second_wait >= first_wait + 8, "{first_wait} {second_wait}");
    advance(&sandbox, 11);
    good(&measures(&sandbox, &other));
    assert_eq!(measures(&sandbox, &access)["status"], json!(601));
    advance(&sandbox, 60);
    good(&measures(&sandbox, &access));
    assert_eq!(sandbox.control().counts("withings").unwrap().dedupe_hits, 3);

    let dead = refresh(&sandbox, "made-up");
    assert_eq!(dead["status"], json!(503));
    assert_eq!(refresh(&sandbox, "made-up")["status"], json!(601));
}
