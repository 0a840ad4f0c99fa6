//! RunKeeper against the conformance suite.

mod writing;

use std::sync::Arc;

use partner_runkeeper::RunKeeper;
use partner_sdk::testkit::{Canned, Conformance, Expect};
use partner_sdk::{LimitScope, Tz};

const CHANGE_LOG: &str = include_str!("../../fixtures/change_log.json");

/// The only failure with a body that says more.
fn forbidden(body: &str) -> Canned {
    Canned::new(403, "application/vnd.com.runkeeper.ErrorMessage+json", body)
}

#[tokio::test]
async fn runkeeper_conforms() {
    Conformance::new(Arc::new(RunKeeper))
        .time_zone(Tz::Europe__Stockholm)
        .token_reply(include_str!("../../fixtures/token.json"), "31830988")
        .user_answers(&[Canned::new(
            200,
            "application/vnd.com.runkeeper.user+json;charset=ISO-8859-1",
            include_str!("../../fixtures/user.json"),
        )])
        .token_failure(
            "a code that is no longer valid",
            Canned::json(400, r#"{"error":"invalid_grant"}"#),
            Expect::Unauthorized,
        )
        .revoke(
            &[Canned::text(204, "")],
            &["POST http://accounts.partner.test/revoke access_token=conformance-access-token"],
        )
        .feed(
            "weight",
            &[
                include_str!("../../fixtures/weight-1.json"),
                include_str!("../../fixtures/weight-2.json"),
            ],
            include_str!("../../fixtures/weight.expected.json"),
        )
        .resumed(
            &[CHANGE_LOG, include_str!("../../fixtures/weight.changed.json")],
            &[
                "GET /changeLog?modifiedNoEarlierThan=2026-03-03T12%3A00%3A00",
                "GET /weight?pageSize=100&modifiedNoEarlierThan=2026-03-03",
            ],
            include_str!("../../fixtures/weight.changed.expected.json"),
        )
        .feed(
            "fitness_activities",
            &[
                include_str!("../../fixtures/fitness_activities-1.json"),
                include_str!("../../fixtures/fitness_activities-2.json"),
            ],
            include_str!("../../fixtures/fitness_activities.expected.json"),
        )
        // The log reports nothing new, but there was an unfinished activity.
        .resumed(
            &[CHANGE_LOG, include_str!("../../fixtures/fitness_activities.changed.json")],
            &[
                "GET /changeLog?modifiedNoEarlierThan=2026-03-03T12%3A00%3A00",
                "GET /fitnessActivities?pageSize=100&modifiedNoEarlierThan=2026-03-03",
            ],
            include_str!("../../fixtures/fitness_activities.changed.expected.json"),
        )
        .feed(
            "nutrition",
            &[include_str!("../../fixtures/nutrition.json")],
            include_str!("../../fixtures/nutrition.expected.json"),
        )
        .resumed(
            &[CHANGE_LOG],
            &["GET /changeLog?modifiedNoEarlierThan=2026-03-03T12%3A00%3A00"],
            "[]",
        )
        .push("weight", writing::weight())
        .push("weight", writing::weight_among_others())
        .push("body_fat", writing::body_fat())
        .push("exercise", writing::exercise())
        .push("exercise", writing::recorded_exercise())
        .push("nutrition", writing::nutrition())
        .answer(
            "the user took the access back",
            forbidden(r#"{"reason":"Revoked","delete_health":"false"}"#),
            Expect::Unauthorized,
        )
        .answer(
            "a permission is missing",
            forbidden(r#"{"reason":"Insufficient permission"}"#),
            Expect::MissingScope,
        )
        .answer(
            "a limit of the application",
            Canned::text(429, "Application rate limit exceeded. Try again in 3 hours."),
            Expect::RateLimited(LimitScope::App, Some(10_800)),
        )
        .answer(
            "a limit of the user",
            Canned::text(429, "Rate limit for this user exceeded, wait 20 minutes"),
            Expect::RateLimited(LimitScope::Connection, Some(1_200)),
        )
        .answer("a media type it does not know", Canned::text(406, ""), Expect::Malformed)
        .answer("a parameter it does not take", Canned::text(400, ""), Expect::Malformed)
        .answer("a body it does not take", Canned::text(415, ""), Expect::Malformed)
        .answer(
            "a next page on another host",
            Canned::json(
                200,
                r#"{"items":[],"next":"https://api.runkeeper.com.example.net/weight"}"#,
            ),
            Expect::Malformed,
        )
        .run()
        .await;
}

#[test]
fn the_readme_lists_what_is_polled_and_pushed() {
    let row = partner_sdk::testkit::readme_row(&partner_runkeeper::MANIFEST);
    assert!(include_str!("../../../README.md").contains(&row), "partners/README.md lacks: {row}");
}
