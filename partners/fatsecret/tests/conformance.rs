//! FatSecret against the conformance suite.

use std::sync::Arc;

use partner_fatsecret::FatSecret;
use partner_sdk::testkit::{Canned, Conformance, Expect, PushFixture};
use partner_sdk::{LimitScope, Tz};

const EMPTY: &str = include_str!("../fixtures/month.empty.json");
const SUCCESS: &str = r#"{"success":{"value":"1"}}"#;

/// API reference: failures come as HTTP 200.
fn error(code: &str) -> Canned {
    Canned::json(200, format!(r#"{{"error":{{"code":{code},"message":"Something: 'detail'"}}}}"#))
}

/// The answers for a year of months: `first`, then `empty` months without entries, then the last
/// ones with their days.
fn months<'a>(first: &[&'a str], empty: usize, last: &[&'a str]) -> Vec<&'a str> {
    [first, &[EMPTY].repeat(empty), last].concat()
}

fn weight() -> PushFixture {
    let month = "GET /rest/weight/month/v2?date=20513&format=json";
    let write = "POST /rest/server.api application/x-www-form-urlencoded method=weight.update&format=json&date=20515&current_weight_kg=79.95";
    let before = include_str!("../fixtures/push_weight.before.json");
    PushFixture::new(include_str!("../fixtures/push_weight.json"))
        .create(&[Canned::json(200, EMPTY), Canned::json(200, SUCCESS)], &[month, write])
        .update(
            &[Canned::json(200, before), Canned::json(200, SUCCESS)],
            &[month, &format!("{write}&comment=early+%26+light")],
        )
        .missing_at(0, Canned::json(200, EMPTY))
        .find_existing(
            &[Canned::json(200, include_str!("../fixtures/push_weight.after.json"))],
            &[month],
        )
        .refused("a date it does not take", error("205"))
        .refused("a weight it does not take", error("\"107\""))
        .refused("the first weight without a goal", error("101"))
}

#[tokio::test]
async fn fatsecret_conforms() {
    let weights = months(
        &[include_str!("../fixtures/weight-1.json")],
        10,
        &[include_str!("../fixtures/weight-2.json"), include_str!("../fixtures/weight-3.json")],
    );
    let diary = months(
        &[],
        11,
        &[
            include_str!("../fixtures/diary-1.json"),
            include_str!("../fixtures/diary-2.json"),
            include_str!("../fixtures/diary-3.json"),
            include_str!("../fixtures/diary-4.json"),
            include_str!("../fixtures/diary-5.json"),
        ],
    );
    Conformance::new(Arc::new(FatSecret))
        .time_zone(Tz::Europe__Stockholm)
        // The digest of the token.
        .token_reply(include_str!("../fixtures/token.txt"), "a88ac4ce3beef75da050")
        .token_failure(
            "a verifier that is not the right one",
            Canned::text(401, "Invalid verifier"),
            Expect::Unauthorized,
        )
        .token_failure("a request token that is not known", error("9"), Expect::Unauthorized)
        .token_failure("a signature that is wrong", error("8"), Expect::Malformed)
        .token_failure(
            "a token without its secret",
            Canned::text(200, "oauth_token=abc"),
            Expect::Malformed,
        )
        .feed("diary", &diary, include_str!("../fixtures/diary.expected.json"))
        .items_at("/food_entries/food_entry")
        .resumed(
            &[
                include_str!("../fixtures/diary.resumed-1.json"),
                include_str!("../fixtures/diary.resumed-2.json"),
            ],
            &[
                "GET /rest/food-entries/month/v1?date=20513&format=json",
                "GET /rest/food-entries/v2?date=20514&format=json",
            ],
            include_str!("../fixtures/diary.resumed.expected.json"),
        )
        .feed("weight", &weights, include_str!("../fixtures/weight.expected.json"))
        .resumed(
            &[include_str!("../fixtures/weight.resumed.json")],
            &["GET /rest/weight/month/v2?date=20513&format=json"],
            include_str!("../fixtures/weight.resumed.expected.json"),
        )
        .push("weight", weight())
        .answer("the user took the access back", error("9"), Expect::Unauthorized)
        .answer("the same with a code in text", error("\"9\""), Expect::Unauthorized)
        .answer("the application's limit", error("11"), Expect::RateLimited(LimitScope::App, None))
        .answer("the user's limit", error("12"), Expect::RateLimited(LimitScope::Connection, None))
        .answer("an unknown error", error("1"), Expect::Transient)
        .answer("an error without a code", error("null"), Expect::Transient)
        .answer("a timestamp that was overtaken", error("6"), Expect::Transient)
        .answer("a nonce that was used", error("7"), Expect::Transient)
        .answer("a missing permission", error("14"), Expect::MissingScope)
        .answer("a consumer key it does not know", error("5"), Expect::Malformed)
        .answer("an address it does not let in", error("21"), Expect::Malformed)
        .answer("a parameter it does not take", error("102"), Expect::Malformed)
        .answer("a day that is neither there nor not", Canned::json(200, "{}"), Expect::Malformed)
        .run()
        .await;
}

#[test]
fn the_readme_lists_what_is_polled_and_pushed() {
    let row = partner_sdk::testkit::readme_row(&partner_fatsecret::MANIFEST);
    assert!(include_str!("../../README.md").contains(&row), "partners/README.md lacks: {row}");
}
