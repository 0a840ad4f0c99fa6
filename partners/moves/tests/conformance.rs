//! Moves against the conformance suite.

mod notifications;

use std::sync::Arc;

use partner_moves::Moves;
use partner_sdk::testkit::{Canned, Conformance, Expect};

const PROFILE: &str = include_str!("../fixtures/profile.json");
const LAST_DAYS: &str = include_str!("../fixtures/activities-2.json");

#[tokio::test]
async fn moves_conforms() {
    Conformance::new(Arc::new(Moves))
        .token_reply(include_str!("../fixtures/token.json"), "23138311640030064")
        .token_failure(
            "a dead refresh token",
            Canned::json(400, r#"{"error":"invalid_grant"}"#),
            Expect::Unauthorized,
        )
        .token_failure(
            "a client that is not known is nothing the user can mend",
            Canned::json(400, r#"{"error":"invalid_client"}"#),
            Expect::Malformed,
        )
        .feed(
            "activities",
            &[PROFILE, include_str!("../fixtures/activities-1.json"), LAST_DAYS],
            include_str!("../fixtures/activities.expected.json"),
        )
        .resumed(
            &[PROFILE, LAST_DAYS],
            &["GET /user/profile", "GET /user/activities/daily?from=20260202&to=20260304"],
            include_str!("../fixtures/activities.resumed.expected.json"),
        )
        .answer("a range it does not take", Canned::text(400, ""), Expect::Malformed)
        .notifications(notifications::fixture())
        .run()
        .await;
}

#[test]
fn the_readme_lists_what_is_polled_and_pushed() {
    let row = partner_sdk::testkit::readme_row(&partner_moves::MANIFEST);
    assert!(include_str!("../../README.md").contains(&row), "partners/README.md lacks: {row}");
}
