//! Google Health: consent, tokens, scopes and limits.

use std::time::Duration;

use partner_sandbox::{Limit, Limits, Sandbox, TokenAction};
use serde_json::{Value, json};

use super::client::*;
use super::google_health::{ask, create, failure, list, refused, weight};

const PREFIX: &str = "https://www.googleapis.com/auth/googlehealth.";

fn scope(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// A code for these scopes, with further parameters of the authorize address.
fn code_for(sandbox: &Sandbox, scopes: &[&str], further: &[(&str, &str)]) -> String {
    let scopes: Vec<String> = scopes.iter().map(|name| scope(name)).collect();
    let scopes = scopes.join(" ");
    let mut query = vec![
        ("response_type", "code"),
        ("client_id", sandbox.client_id("google_health")),
        ("scope", scopes.as_str()),
        ("redirect_uri", CALLBACK),
        ("state", "s"),
    ];
    query.extend(further);
    let url = format!("{}?{}", sandbox.urls("google_health").authorize_url, form(&query));
    let reply = post_form(&url, &[("account", "account-1"), ("decision", "allow")]);
    returned(&reply).into_iter().find(|(name, _)| name == "code").unwrap().1
}

fn token_call(sandbox: &Sandbox, pairs: &[(&str, &str)]) -> Reply {
    let mut fields = vec![
        ("client_id", sandbox.client_id("google_health")),
        ("client_secret", sandbox.client_secret("google_health")),
    ];
    fields.extend(pairs);
    post_form(&sandbox.urls("google_health").token_url, &fields)
}

fn exchange(sandbox: &Sandbox, code: &str, further: &[(&str, &str)]) -> Reply {
    let mut pairs =
        vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
    pairs.extend(further);
    token_call(sandbox, &pairs)
}

fn renew(sandbox: &Sandbox, token: &str) -> Reply {
    token_call(sandbox, &[("grant_type", "refresh_token"), ("refresh_token", token)])
}

#[test]
fn a_refresh_token_is_given_for_offline_access_and_stays_the_same() {
    let sandbox = sandbox();
    let scopes = ["nutrition.readonly", "profile.readonly"];
    let online = exchange(&sandbox, &code_for(&sandbox, &scopes, &[]), &[]).json();
    assert_eq!((&online["expires_in"], &online["token_type"]), (&json!(3_599), &json!("Bearer")));
    assert_eq!(online["scope"], json!(format!("{} {}", scope(scopes[0]), scope(scopes[1]))));
    assert!(online.get("refresh_token").is_none(), "{online}");
    let again =
        exchange(&sandbox, &code_for(&sandbox, &scopes, &[("access_type", "offline")]), &[]);
    assert!(again.json().get("refresh_token").is_none(), "consented before: {}", again.text());
    let offline = [("access_type", "offline"), ("prompt", "consent")];
    let pair = exchange(&sandbox, &code_for(&sandbox, &scopes, &offline), &[]).json();
    let refresh = pair["refresh_token"].as_str().unwrap();

    sandbox.control().advance(Duration::from_secs(3_600));
    let old = pair["access_token"].as_str().unwrap();
    let dead = ask(&sandbox, "GET", "/v4/users/me/identity", old, &Value::Null);
    assert_eq!(failure(&dead), refused(401, "UNAUTHENTICATED", ""));
    for _ in 0..2 {
        let renewed = renew(&sandbox, refresh).json();
        assert!(renewed.get("refresh_token").is_none(), "{renewed}");
        let access = renewed["access_token"].as_str().unwrap();
        let identity = ask(&sandbox, "GET", "/v4/users/me/identity", access, &Value::Null).json();
        let known = &sandbox.control().accounts("google_health").unwrap()[0];
        assert_eq!(identity["healthUserId"], json!(known.user_id.to_string()));
    }
    sandbox.control().tokens("google_health", "account-1", TokenAction::KillRefresh).unwrap();
    let dead = renew(&sandbox, refresh);
    assert_eq!((dead.status, dead.json()["error"].clone()), (400, json!("invalid_grant")));
}

#[test]
fn a_code_is_valid_once_and_only_with_its_verifier() {
    let sandbox = sandbox();
    let error = |reply: Reply| (reply.status, reply.json()["error"].as_str().unwrap().to_owned());
    // RFC 7636, appendix B.
    let challenge = [
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ];
    let verifier = [("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")];
    let code = code_for(&sandbox, &["profile.readonly"], &challenge);
    assert_eq!(error(exchange(&sandbox, &code, &[])), (400, "invalid_grant".to_owned()));
    assert_eq!(exchange(&sandbox, &code, &verifier).status, 200);
    assert_eq!(error(exchange(&sandbox, &code, &verifier)), (400, "invalid_grant".to_owned()));
    let url = sandbox.urls("google_health").token_url;
    let client = sandbox.client_id("google_health");
    let wrong = [("client_id", client), ("client_secret", "x"), ("grant_type", "refresh_token")];
    assert_eq!(error(post_form(&url, &wrong)), (401, "invalid_client".to_owned()));
    let unknown = post_form(&url, &[("client_id", "x"), ("grant_type", "refresh_token")]);
    assert_eq!(error(unknown), (401, "invalid_client".to_owned()));
}

#[test]
fn revoking_takes_either_token_and_ends_everything() {
    let sandbox = sandbox();
    let issued = sandbox.control().issue_tokens("google_health", "account-1").unwrap();
    let url = sandbox.urls("google_health").revoke_url.unwrap();
    let refresh = issued.refresh_token.unwrap();
    assert_eq!(post_form(&url, &[("token", &refresh)]).status, 200);
    assert_eq!(post_form(&url, &[("token", &refresh)]).status, 400);
    assert_eq!(renew(&sandbox, &refresh).status, 400);
    assert_eq!(list(&sandbox, &issued.access_token, "weight", &[]).status, 401);
}

#[test]
fn each_group_of_data_needs_its_own_scope() {
    let sandbox = sandbox();
    let granted = ["health_metrics_and_measurements.readonly", "nutrition.writeonly"];
    let tokens = exchange(&sandbox, &code_for(&sandbox, &granted, &[]), &[]).json();
    let token = tokens["access_token"].as_str().unwrap();
    let lacking = refused(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    assert_eq!(list(&sandbox, token, "weight", &[]).status, 200);
    assert_eq!(failure(&list(&sandbox, token, "exercise", &[])), lacking);
    assert_eq!(failure(&list(&sandbox, token, "nutrition-log", &[])), lacking);
    let point = weight("2026-10-01T05:40:00Z", 72_500.0);
    assert_eq!(failure(&create(&sandbox, token, "weight", &point)), lacking);
}

#[test]
fn the_limits_are_of_a_user_and_of_the_project() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let token = token(&sandbox, "google_health", "account-1");
    let limits = control.limits("google_health").unwrap();
    let minute = |calls| Some(Limit { calls, seconds: 60 });
    assert_eq!((limits.app, limits.account), (minute(120_000), minute(300)));
    for (limits, whose) in [
        (Limits { account: minute(1), ..Limits::none() }, "Requests per minute per user"),
        (Limits { app: minute(1), ..Limits::none() }, "'Requests per minute'"),
    ] {
        control.set_limits("google_health", limits).unwrap();
        list(&sandbox, &token, "height", &[]);
        let reply = list(&sandbox, &token, "height", &[]);
        assert_eq!(failure(&reply), refused(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"));
        assert!(reply.text().contains(whose), "{}", reply.text());
    }
}
