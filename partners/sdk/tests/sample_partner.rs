//! The sample partner of `partners/README.md` compiles, conforms, and is the one in the README.

pub mod sample;

use std::sync::Arc;

use partner_sdk::testkit::{Canned, Conformance, Expect};
use sample::Pulsebox;

#[tokio::test]
async fn pulsebox_conforms() {
    Conformance::new(Arc::new(Pulsebox))
        .token_reply(include_str!("fixtures/token.json"), "acc-20417")
        .token_failure(
            "a dead refresh token",
            Canned::json(400, r#"{"error":"invalid_grant"}"#),
            Expect::Unauthorized,
        )
        .feed(
            "readings",
            &[include_str!("fixtures/readings-1.json"), include_str!("fixtures/readings-2.json")],
            include_str!("fixtures/readings.expected.json"),
        )
        .resumes_with("/v1/readings?changed_since=v2%3A1772625590")
        .run()
        .await;
}

#[test]
fn the_readme_shows_this_very_partner_in_fewer_than_120_lines() {
    let readme = include_str!("../../README.md");
    let blocks = readme.split("```rust\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let source = include_str!("sample/mod.rs").trim_end();
    assert!(blocks.into_iter().any(|block| block == source), "copy tests/sample/mod.rs into it");
    assert!(source.lines().count() < 120);
}
