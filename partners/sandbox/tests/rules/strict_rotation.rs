//! Partners that rotate strictly: the old refresh token is dead once the answer is made.

use partner_sandbox::{TokenCall, TokenRules};
use serde_json::Value;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::client::*;

/// A refresh in the form of every partner at once.
fn refresh(sandbox: &partner_sandbox::Sandbox, partner: &str, token: &str) -> Value {
    let (id, secret) = (sandbox.client_id(partner), sandbox.client_secret(partner));
    let body = form(&[
        ("action", "requesttoken"),
        ("grant_type", "refresh_token"),
        ("client_id", id),
        ("client_secret", secret),
        ("refresh_token", token),
    ]);
    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let headers =
        [("Authorization", basic.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    let answer = send("POST", &sandbox.urls(partner).token_url, &headers, &body).unwrap().json();
    answer.get("body").filter(|inner| inner.is_object()).unwrap_or(&answer).clone()
}

#[test]
fn a_replaced_refresh_token_is_dead_and_its_use_is_counted() {
    for partner in ["fitbit", "google_health", "strava", "withings"] {
        let sandbox = relaxed();
        let control = sandbox.control();
        let rules = TokenRules { access_seconds: Some(90), rotates_strictly: true };
        control.set_token_rules(partner, rules).unwrap();
        let first = control.issue_tokens(partner, "account-1").unwrap().refresh_token.unwrap();
        let second = refresh(&sandbox, partner, &first);
        assert!(matches!(second["expires_in"].as_i64(), Some(89 | 90)), "{partner}: {second}");
        let second = second["refresh_token"].as_str().unwrap().to_owned();
        assert_ne!(first, second, "{partner}");
        let again = refresh(&sandbox, partner, &first);
        assert!(again["access_token"].is_null(), "{partner}: {again}");
        assert_eq!(control.counts(partner).unwrap().refresh_token_reuse, 1, "{partner}");
        let third = refresh(&sandbox, partner, &second);
        assert!(third["access_token"].is_string(), "{partner}: {third}");

        let calls = control.token_calls(partner, "account-1").unwrap();
        let listed: Vec<_> = calls
            .iter()
            .map(|TokenCall { presented, issued, is_used, .. }| (*presented, *issued, *is_used))
            .collect();
        let expected = [(None, true, true), (None, false, false), (Some(0), true, false)];
        assert_eq!(listed, expected, "{partner}");
        assert!(calls.iter().all(|call| call.sent_at.is_some()), "{partner}");
    }
}
