//! Oura passes the conformance suite.

use std::sync::Arc;

use partner_sdk::Tz;
use partner_sdk::testkit::{Canned, Conformance, Expect};

#[tokio::test]
async fn it_conforms() {
    let person = include_str!("../fixtures/personal_info.json");
    let dead = r#"{"status":400,"title":"Bad Request","error":"invalid_grant"}"#;
    let forbidden = r#"{"status":403,"title":"Forbidden","detail":"Access to this is forbidden."}"#;
    Conformance::new(Arc::new(partner_oura::Oura))
        .time_zone(Tz::Europe__Stockholm)
        .token_reply(include_str!("../fixtures/token.json"), "7c1e55d2-0f5b-4a7e-9b53-2d8a41f3c610")
        .user_answers(&[Canned::json(200, person)])
        .token_failure("a used refresh token", Canned::json(400, dead), Expect::Unauthorized)
        .feed(
            "workout",
            &[
                include_str!("../fixtures/workout-1.json"),
                include_str!("../fixtures/workout-2.json"),
            ],
            include_str!("../fixtures/workout.expected.json"),
        )
        .resumes_with("/v2/usercollection/workout?start_date=2026-02-18&end_date=2026-03-06")
        .feed(
            "daily_spo2",
            &[include_str!("../fixtures/daily_spo2-1.json")],
            include_str!("../fixtures/daily_spo2.expected.json"),
        )
        .answer("HTTP 403 of Oura's own", Canned::json(403, forbidden), Expect::MissingScope)
        .run()
        .await;
}
