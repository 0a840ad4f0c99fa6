//! Fitbit against the conformance suite.

mod notifications;

use std::sync::Arc;

use partner_fitbit::Fitbit;
use partner_sdk::testkit::{Canned, Conformance, Expect, PushFixture};
use partner_sdk::{LimitScope, Tz};

/// A failure as Fitbit reports it.
fn failure(status: u16, error: &str) -> Canned {
    let body = r#"{"errors":[{"errorType":"ERROR","fieldName":"n/a","message":"It failed."}],"success":false}"#;
    Canned::json(status, body.replace("ERROR", error))
}

/// An entry of a body log, as the answer to a write and a look-up show it.
fn of_body_log(log: &str, entry: &str, wrote: &str) -> PushFixture {
    let fixture = match log {
        "weight" => PushFixture::new(include_str!("../fixtures/push_weight.json")),
        _ => PushFixture::new(include_str!("../fixtures/push_fat.json")),
    };
    let created =
        format!("POST /1/user/-/body/log/{log}.json application/x-www-form-urlencoded {wrote}");
    let deleted = format!("DELETE /1/user/-/body/log/{log}/1772521805000.json");
    let found = format!("GET /1/user/-/body/log/{log}/date/2026-03-02/2026-03-04.json");
    fixture
        .create(&[Canned::json(201, format!(r#"{{"{log}Log":{entry}}}"#))], &[&created])
        .delete(&[Canned::text(204, "")], &[&deleted])
        .find_existing(&[Canned::json(200, format!(r#"{{"{log}":[{entry}]}}"#))], &[&found])
        .refused("a value it does not take", failure(400, "validation"))
}

/// The answers of a first sync of `calls` calls: those of `some` at their places, empty ones
/// elsewhere.
fn pages<'a>(calls: usize, empty: &'a str, some: &[(usize, &'a str)]) -> Vec<&'a str> {
    let at = |call| some.iter().find(|(place, _)| *place == call).map(|(_, page)| *page);
    (0..calls).map(|call| at(call).unwrap_or(empty)).collect()
}

#[tokio::test]
async fn fitbit_conforms() {
    let weight = pages(
        12,
        r#"{"weight":[]}"#,
        &[
            (0, include_str!("../fixtures/weight-1.json")),
            (2, include_str!("../fixtures/weight-2.json")),
        ],
    );
    let fat = pages(
        12,
        r#"{"fat":[]}"#,
        &[(0, include_str!("../fixtures/fat-1.json")), (8, include_str!("../fixtures/fat-2.json"))],
    );
    let foods = pages(
        14,
        r#"{"foods":[],"summary":{"calories":0,"water":0}}"#,
        &[
            (0, include_str!("../fixtures/foods-1.json")),
            (3, include_str!("../fixtures/foods-2.json")),
        ],
    );
    Conformance::new(Arc::new(Fitbit))
        .time_zone(Tz::America__New_York)
        .token_reply(include_str!("../fixtures/token.json"), "7LQW2S")
        .token_failure(
            "a dead refresh token",
            failure(400, "invalid_grant"),
            Expect::Unauthorized,
        )
        .token_failure(
            "a failure within HTTP 200",
            failure(200, "invalid_grant"),
            Expect::Unauthorized,
        )
        .token_failure(
            "a client that is not known is nothing the user can mend",
            failure(401, "invalid_client"),
            Expect::Malformed,
        )
        .token_failure("a failure without a type", Canned::json(401, "{}"), Expect::Transient)
        .token_failure("a parameter is missing", failure(400, "invalid_request"), Expect::Malformed)
        .token_failure("two refreshes at once", failure(409, "conflict"), Expect::Transient)
        .token_failure("an outage in its own form", failure(503, "system"), Expect::Transient)
        .token_failure("the end of the service", Canned::text(410, "Gone"), Expect::Gone)
        .revoke(
            &[Canned::text(200, "")],
            &["POST http://accounts.partner.test/revoke token=conformance-refresh-token"],
        )
        .feed("weight", &weight, include_str!("../fixtures/weight.expected.json"))
        .resumed(
            &[include_str!("../fixtures/weight-1.json")],
            &["GET /1/user/-/body/log/weight/date/2026-02-04/2026-03-05.json"],
            include_str!("../fixtures/weight.resumed.expected.json"),
        )
        .feed("fat", &fat, include_str!("../fixtures/fat.expected.json"))
        .resumed(
            &[include_str!("../fixtures/fat-1.json")],
            &["GET /1/user/-/body/log/fat/date/2026-02-04/2026-03-05.json"],
            include_str!("../fixtures/fat.resumed.expected.json"),
        )
        .feed(
            "activities",
            &[
                include_str!("../fixtures/activities-1.json"),
                include_str!("../fixtures/activities-2.json"),
            ],
            include_str!("../fixtures/activities.expected.json"),
        )
        .resumes_with(
            "/1/user/-/activities/list.json?afterDate=2026-02-02&sort=asc&offset=0&limit=100",
        )
        .feed("foods", &foods, include_str!("../fixtures/foods.expected.json"))
        .resumed(
            &[foods[0], foods[1], foods[1], foods[1], foods[1]],
            &[
                "/date/2026-03-04.json",
                "/date/2026-03-03.json",
                "/date/2026-02-18.json",
                "/date/2026-02-17.json",
                "/date/2026-02-16.json",
            ],
            include_str!("../fixtures/foods.resumed.expected.json"),
        )
        .instead("HTTP 429", Expect::RateLimited(LimitScope::Connection, None))
        .instead(
            "HTTP 429 with Retry-After",
            Expect::RateLimited(LimitScope::Connection, Some(137)),
        )
        .instead("HTTP 429 in plain text", Expect::RateLimited(LimitScope::Connection, None))
        .instead(
            "HTTP 429 with more items than are kept",
            Expect::RateLimited(LimitScope::Connection, None),
        )
        .answer(
            "a limit that tells its end in its own header",
            Canned::json(429, "{}")
                .header("fitbit-rate-limit-limit", "150")
                .header("fitbit-rate-limit-remaining", "0")
                .header("fitbit-rate-limit-reset", "1478"),
            Expect::RateLimited(LimitScope::Connection, Some(1_478)),
        )
        .answer("an expired token", failure(401, "expired_token"), Expect::Unauthorized)
        .answer("a token taken back", failure(401, "invalid_token"), Expect::Unauthorized)
        .answer("a client not known", failure(401, "invalid_client"), Expect::Malformed)
        .answer("a scope not ticked", failure(403, "insufficient_scope"), Expect::MissingScope)
        .answer("a parameter it does not take", failure(400, "validation"), Expect::Malformed)
        .answer("an address it does not know", failure(404, "not_found"), Expect::Malformed)
        .answer("the end of the service", Canned::page(410), Expect::Gone)
        .answer("an answer without its list", Canned::json(200, "{}"), Expect::Malformed)
        .push(
            "weight",
            of_body_log(
                "weight",
                r#"{"bmi":23.41,"date":"2026-03-03","logId":1772521805000,"source":"API","time":"07:10:05","weight":72.46}"#,
                "weight=72.46&date=2026-03-03&time=07%3A10%3A05",
            ),
        )
        .push(
            "body_fat",
            of_body_log(
                "fat",
                r#"{"date":"2026-03-03","fat":17.25,"logId":1772521805000,"source":"API","time":"07:10:05"}"#,
                "fat=17.25&date=2026-03-03&time=07%3A10%3A05",
            ),
        )
        .push(
            "exercise",
            PushFixture::new(include_str!("../fixtures/push_exercise.json"))
                .create(
                    &[Canned::json(201, include_str!("../fixtures/push_exercise.answer.json"))],
                    &["POST /1/user/-/activities.json application/x-www-form-urlencoded \
                       activityName=Run&date=2026-03-02&startTime=18%3A30%3A15&durationMillis=1805250\
                       &manualCalories=302&distance=5.01&distanceUnit=Kilometer"],
                )
                .delete(
                    &[Canned::text(204, "")],
                    &["DELETE /1/user/-/activities/53992200118.json"],
                )
                .find_existing(
                    &[Canned::json(200, include_str!("../fixtures/push_exercise.find_existing.json"))],
                    &["GET /1/user/-/activities/list.json?afterDate=2026-02-28&sort=asc"],
                )
                .refused("a value it does not take", failure(400, "validation")),
        )
        .push(
            "nutrition",
            PushFixture::new(include_str!("../fixtures/push_nutrition.json"))
                .create(
                    &[Canned::json(201, include_str!("../fixtures/push_nutrition.answer.json"))],
                    &["POST /1/user/-/foods/log.json application/x-www-form-urlencoded \
                       foodName=Lentil+soup&mealTypeId=3&unitId=304&amount=1.00&date=2026-03-03\
                       &calories=412&totalCarbohydrate=51.25&totalFat=9&dietaryFiber=14.5&protein=22\
                       &sodium=640"],
                )
                .delete(
                    &[Canned::text(204, "")],
                    &["DELETE /1/user/-/foods/log/38820103.json"],
                )
                .find_existing(
                    &[Canned::json(200, include_str!("../fixtures/push_nutrition.find_existing.json"))],
                    &["GET /1/user/-/foods/log/date/2026-03-03.json"],
                )
                .refused("a value it does not take", failure(400, "validation")),
        )
        .notifications(notifications::fixture())
        .run()
        .await;
}

#[test]
fn the_readme_lists_what_is_polled_and_pushed() {
    let row = partner_sdk::testkit::readme_row(&partner_fitbit::MANIFEST);
    assert!(include_str!("../../README.md").contains(&row), "partners/README.md lacks: {row}");
}
