//! Withings against the conformance suite.

mod notifications;

use std::sync::Arc;

use partner_sdk::LimitScope;
use partner_sdk::testkit::{Canned, Conformance, Expect};
use partner_withings::Withings;

/// A failure as Withings reports it: in the body of HTTP 200.
fn failure(body: &str) -> Canned {
    Canned::json(200, body)
}

#[tokio::test]
async fn withings_conforms() {
    Conformance::new(Arc::new(Withings))
        .token_reply(include_str!("../fixtures/token.json"), "27182818")
        .token_failure(
            "a code that is no longer valid",
            failure(r#"{"status":503,"error":"Invalid Params: invalid code"}"#),
            Expect::Unauthorized,
        )
        .token_failure(
            "a dead refresh token",
            failure(r#"{"status":503,"body":{},"error":"Invalid Params: invalid refresh_token"}"#),
            Expect::Unauthorized,
        )
        .token_failure(
            "a failed authentication",
            failure(r#"{"status":401,"body":{},"error":"invalid_token"}"#),
            Expect::Unauthorized,
        )
        .token_failure(
            "a client that is not known is nothing the user can mend",
            failure(r#"{"status":503,"body":{},"error":"Invalid Params: invalid client_id"}"#),
            Expect::Malformed,
        )
        .token_failure(
            "the same token call again within ten seconds",
            failure(
                r#"{"status":601,"body":{"wait_seconds":41},"error":"Same arguments in less than 10 seconds"}"#,
            ),
            Expect::RateLimited(LimitScope::Connection, Some(41)),
        )
        .token_failure(
            "a status of which it is not known what it is about",
            failure(r#"{"status":503,"body":{},"error":"Invalid Params"}"#),
            Expect::Transient,
        )
        .token_failure("a time-out", failure(r#"{"status":522,"body":{}}"#), Expect::Transient)
        .token_failure("no body", failure(r#"{"status":0}"#), Expect::Malformed)
        .revoke(
            &[
                Canned::json(200, r#"{"status":0,"body":{"nonce":"c1f0d3"}}"#),
                Canned::json(200, r#"{"status":0,"body":{}}"#),
            ],
            &["/base/v2/signature action=getnonce&client_id=", "action=revoke&client_id="],
        )
        .feed(
            "measure",
            &[include_str!("../fixtures/measure-1.json"), include_str!("../fixtures/measure-2.json")],
            include_str!("../fixtures/measure.expected.json"),
        )
        // The latest modification is 1772609107; the clock's seconds end in 0, so `lastupdate` does
        // too.
        .resumes_with("lastupdate=1772609100")
        .resumes_with("category=1&meastypes=")
        .feed(
            "workouts",
            &[include_str!("../fixtures/workouts-1.json"), include_str!("../fixtures/workouts-2.json")],
            include_str!("../fixtures/workouts.expected.json"),
        )
        .resumes_with("lastupdate=1772611200")
        .answer(
            "an access token that is not accepted",
            failure(r#"{"status":401,"body":{},"error":"XRequestID: Not provided invalid_token"}"#),
            Expect::Unauthorized,
        )
        .answer("authentication failed", failure(r#"{"status":100,"body":{}}"#), Expect::Unauthorized)
        .answer(
            "a missing scope",
            failure(r#"{"status":277,"body":{},"error":"Unauthorized: insufficient scope"}"#),
            Expect::MissingScope,
        )
        .answer(
            "a missing scope, as seen in the field",
            failure(r#"{"status":403,"body":{},"error":"Insufficient_scope: higher privileges"}"#),
            Expect::MissingScope,
        )
        .answer("a number of several meanings", failure(r#"{"status":2555,"body":{}}"#), Expect::Transient)
        .answer(
            "too many requests of the application",
            failure(r#"{"status":601,"body":{},"error":"Too Many Requests"}"#),
            Expect::RateLimited(LimitScope::App, None),
        )
        .answer(
            "the same call again within ten seconds",
            failure(
                r#"{"status":601,"body":{"wait_seconds":17},"error":"Same arguments in less than 10 seconds"}"#,
            ),
            Expect::RateLimited(LimitScope::Connection, Some(17)),
        )
        .answer(
            "a parameter that is not accepted",
            failure(r#"{"status":503,"body":{},"error":"Invalid Params"}"#),
            Expect::Malformed,
        )
        .answer("an action that does not exist", failure(r#"{"status":2554}"#), Expect::Malformed)
        .answer("a time-out", failure(r#"{"status":522,"body":{}}"#), Expect::Transient)
        .answer("a bad state", failure(r#"{"status":524,"body":{}}"#), Expect::Transient)
        .answer("an error of no family", failure(r#"{"status":2556,"body":{}}"#), Expect::Transient)
        .answer("no status", failure(r#"{"body":{"measuregrps":[]}}"#), Expect::Malformed)
        .answer("no list", failure(r#"{"status":0,"body":{}}"#), Expect::Success)
        .notifications(notifications::fixture())
        .run()
        .await;
}

#[test]
fn the_readme_lists_what_is_polled_and_pushed() {
    let row = partner_sdk::testkit::readme_row(&partner_withings::MANIFEST);
    assert!(include_str!("../../README.md").contains(&row), "partners/README.md lacks: {row}");
}
