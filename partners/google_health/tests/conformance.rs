//! Google Health against the conformance suite.

use std::sync::Arc;

use partner_google_health::GoogleHealth;
use partner_sdk::testkit::{Canned, Conformance, Expect};
use partner_sdk::{LimitScope, Tz};

/// A failure in Google's form.
fn failure(code: u16, status: &str, message: &str, reason: &str) -> Canned {
    let body = format!(
        r#"{{"error":{{"code":{code},"message":"{message}","status":"{status}","details":[
            {{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"{reason}","domain":"health.googleapis.com"}}]}}}}"#
    );
    Canned::json(code, body)
}

#[tokio::test]
async fn google_health_conforms() {
    let over = |message| failure(429, "RESOURCE_EXHAUSTED", message, "RATE_LIMIT_EXCEEDED");
    Conformance::new(Arc::new(GoogleHealth))
        .time_zone(Tz::Europe__Stockholm)
        .token_reply(include_str!("../fixtures/token.json"), "4417205639918820743")
        .user_answers(&[Canned::json(200, include_str!("../fixtures/identity.json"))])
        .token_failure(
            "a refresh token that is expired or revoked",
            Canned::json(
                400,
                r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#,
            ),
            Expect::Unauthorized,
        )
        .token_failure(
            "a client that is not known is nothing the user can mend",
            Canned::json(401, r#"{"error":"invalid_client","error_description":"Unauthorized"}"#),
            Expect::Malformed,
        )
        .revoke(
            &[Canned::json(200, "{}")],
            &["POST http://accounts.partner.test/revoke token=conformance-refresh-token"],
        )
        .feed(
            "weight",
            &[
                include_str!("../fixtures/weight-1.json"),
                include_str!("../fixtures/weight-2.json"),
                include_str!("../fixtures/weight-3.json"),
            ],
            include_str!("../fixtures/weight.expected.json"),
        )
        // 30 days before the cursor; colons, quotes and signs as a form has them.
        .resumes_with(
            "/v4/users/me/dataTypes/weight/dataPoints?pageSize=1000&filter=weight.sample_time.\
             physical_time+%3E%3D+%222026-02-02T12%3A00%3A00Z%22",
        )
        .feed(
            "body_fat",
            &[include_str!("../fixtures/body_fat.json")],
            include_str!("../fixtures/body_fat.expected.json"),
        )
        .resumes_with("/v4/users/me/dataTypes/body-fat/dataPoints?pageSize=1000&filter=body_fat.")
        .feed(
            "height",
            &[include_str!("../fixtures/height.json")],
            include_str!("../fixtures/height.expected.json"),
        )
        .resumes_with("/v4/users/me/dataTypes/height/dataPoints?pageSize=1000&filter=height.")
        .feed(
            "exercise",
            &[include_str!("../fixtures/exercise-1.json"), include_str!("../fixtures/exercise-2.json")],
            include_str!("../fixtures/exercise.expected.json"),
        )
        .resumes_with(
            "/v4/users/me/dataTypes/exercise/dataPoints?pageSize=25&filter=exercise.interval.\
             civil_start_time+%3E%3D+%222026-02-01%22",
        )
        .feed(
            "nutrition_log",
            &[
                include_str!("../fixtures/nutrition_log-1.json"),
                include_str!("../fixtures/nutrition_log-2.json"),
            ],
            include_str!("../fixtures/nutrition_log.expected.json"),
        )
        .resumes_with(
            "/v4/users/me/dataTypes/nutrition-log/dataPoints?pageSize=1000&filter=nutrition_log.\
             interval.civil_start_time+%3E%3D+%222026-02-01%22",
        )
        .answer(
            "an access token that is not accepted",
            failure(401, "UNAUTHENTICATED", "Invalid authentication credentials.", "ACCESS_TOKEN_EXPIRED"),
            Expect::Unauthorized,
        )
        .answer(
            "a scope that was not granted",
            failure(
                403,
                "PERMISSION_DENIED",
                "Request had insufficient authentication scopes.",
                "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            ),
            Expect::MissingScope,
        )
        .answer(
            "an API that is not switched on for the project",
            failure(403, "PERMISSION_DENIED", "It has not been used in project 12.", "SERVICE_DISABLED"),
            Expect::Transient,
        )
        .answer(
            "a user without a profile",
            failure(400, "FAILED_PRECONDITION", "The account is not linked.", "ACCOUNT_NOT_LINKED"),
            Expect::Transient,
        )
        .answer(
            "a filter it does not take",
            failure(400, "INVALID_ARGUMENT", "Invalid filter.", "INVALID_DATA_POINT_FILTER"),
            Expect::Malformed,
        )
        .answer(
            "the limit of a user",
            over("Quota exceeded for limit 'Requests per minute per user' of project 12."),
            Expect::RateLimited(LimitScope::Connection, None),
        )
        .answer(
            "the limit of the project",
            over("Quota exceeded for limit 'Requests per minute' of project 12.").header("retry-after", "9"),
            Expect::RateLimited(LimitScope::App, Some(9)),
        )
        .answer(
            "a limit of which it does not say whose it is",
            over("Resource has been exhausted (e.g. check quota)."),
            Expect::RateLimited(LimitScope::Connection, None),
        )
        .run()
        .await;
}

#[test]
fn the_readme_lists_what_is_polled_and_pushed() {
    let row = partner_sdk::testkit::readme_row(&partner_google_health::MANIFEST);
    assert!(include_str!("../../README.md").contains(&row), "partners/README.md lacks: {row}");
}
