//! Google Health against the conformance suite.

mod notifications;

use std::sync::Arc;

use partner_google_health::GoogleHealth;
use partner_sdk::testkit::{Canned, Conformance, Expect, PushFixture};
use partner_sdk::{LimitScope, Tz};

/// A failure in Google's form.
fn failure(code: u16, status: &str, message: &str, reason: &str) -> Canned {
    let body = format!(
        r#"{{"error":{{"code":{code},"message":"{message}","status":"{status}","details":[
            {{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"{reason}","domain":"health.googleapis.com"}}]}}}}"#
    );
    Canned::json(code, body)
}

/// The operation that answers a write of `point`, done.
fn operation(point: &str) -> Canned {
    Canned::json(200, format!(r#"{{"name":"operations/8f1","done":true,"response":{point}}}"#))
}

fn listing(point: &str) -> Canned {
    Canned::json(200, format!(r#"{{"dataPoints":[{point}]}}"#))
}

const WEIGHT: &str = r#"{"name":"users/4417205639918820743/dataTypes/weight/dataPoints/3310080001",
    "dataSource":{"platform":"GOOGLE_WEB_API"},
    "weight":{"sampleTime":{"physicalTime":"2026-03-04T04:15:30.500Z","utcOffset":"7200s"},"weightGrams":78123.4}}"#;

const BODY_FAT: &str = r#"{"name":"users/4417205639918820743/dataTypes/body-fat/dataPoints/3310080002",
    "bodyFat":{"sampleTime":{"physicalTime":"2026-03-04T06:00:00Z","utcOffset":"3600s"},"percentage":18.25}}"#;

const HEIGHT: &str = r#"{"name":"users/4417205639918820743/dataTypes/height/dataPoints/1200345777",
    "height":{"sampleTime":{"physicalTime":"2026-03-04T10:30:00Z","utcOffset":"-12600s"},"heightMillimeters":"1785"}}"#;

const EXERCISE: &str = r#"{"name":"users/4417205639918820743/dataTypes/exercise/dataPoints/6157720098123477",
    "exercise":{"interval":{"startTime":"2026-03-03T17:00:00Z","startUtcOffset":"3600s",
        "endTime":"2026-03-03T17:56:31.620Z","endUtcOffset":"3600s"},
        "exerciseType":"BIKING","displayName":"Evening ride","activeDuration":"3391.620s",
        "metricsSummary":{"caloriesKcal":602.4,"distanceMillimeters":21417080,"steps":"12",
            "averageHeartRateBeatsPerMinute":"132"},
        "createTime":"2026-03-04T11:59:59Z","updateTime":"2026-03-04T11:59:59.500Z"}}"#;

const NUTRITION: &str = r#"{"name":"users/4417205639918820743/dataTypes/nutrition-log/dataPoints/7781300001",
    "nutritionLog":{"interval":{"startTime":"2026-03-03T07:00:00Z","startUtcOffset":"3600s",
        "endTime":"2026-03-03T07:01:00Z","endUtcOffset":"3600s"},
        "foodDisplayName":"Breakfast","mealType":"BREAKFAST","energy":{"kcal":512.5},
        "totalCarbohydrate":{"grams":61.5},"totalFat":{"grams":17},"nutrients":[
            {"nutrient":"PROTEIN","quantity":{"grams":24}},{"nutrient":"DIETARY_FIBER","quantity":{"grams":6.2}},
            {"nutrient":"SODIUM","quantity":{"grams":0.4805}}]}}"#;

/// What is written of each kind, and how.
fn pushes(suite: Conformance) -> Conformance {
    let foreign = || {
        failure(
            403,
            "PERMISSION_DENIED",
            "Invalid argument in request: names",
            "DATA_POINT_NOT_OWNED_BY_CLIENT",
        )
    };
    let deleted = || Canned::json(200, r#"{"name":"operations/8f2","done":true,"response":{}}"#);
    let in_operation = |code: u16| {
        let error = format!(
            r#"{{"name":"operations/8f3","done":true,"error":{{"code":{code},"message":"no"}}}}"#
        );
        Canned::json(200, error)
    };
    suite
        .push(
            "weight",
            PushFixture::new(include_str!("../fixtures/push_weight.json"))
                .create(
                    &[operation(WEIGHT)],
                    &["POST /v4/users/me/dataTypes/weight/dataPoints application/json {\"weight\":{\
                       \"sampleTime\":{\"physicalTime\":\"2026-03-04T04:15:30.500Z\",\"utcOffset\":\"7200s\"},\
                       \"weightGrams\":78123.4}}"],
                )
                .update(
                    &[operation(WEIGHT)],
                    &["PATCH /v4/users/me/dataTypes/weight/dataPoints/3310080001 application/json \
                       {\"weight\":…\"weightGrams\":78123.4}}"],
                )
                .delete(
                    &[deleted()],
                    &["POST /v4/users/me/dataTypes/weight/dataPoints:batchDelete application/json \
                       {\"names\":[\"users/me/dataTypes/weight/dataPoints/3310080001\"]}"],
                )
                .find_existing(
                    &[listing(WEIGHT)],
                    &["GET /v4/users/me/dataTypes/weight/dataPoints?…filter=weight.sample_time.\
                       physical_time+%3E%3D+%222026-03-03T04%3A15%3A30Z%22+AND+weight.sample_time.\
                       physical_time+%3C+%222026-03-05T04%3A15%3A30Z%22"],
                )
                .refused("somebody else's entry", foreign())
                .refused(
                    "a value out of range",
                    failure(400, "INVALID_ARGUMENT", "Out of range.", "INVALID_DATA_POINT"),
                )
                .refused("a refusal inside the operation", in_operation(3)),
        )
        .push(
            "body_fat",
            PushFixture::new(include_str!("../fixtures/push_body_fat.json"))
                // An answer with only the name.
                .create(
                    &[operation(
                        r#"{"name":"users/4417205639918820743/dataTypes/body-fat/dataPoints/3310080002"}"#,
                    )],
                    &["POST /v4/users/me/dataTypes/body-fat/dataPoints …\"2026-03-04T06:00:00Z\",\
                       \"utcOffset\":\"3600s\"}…"],
                )
                .update(
                    &[Canned::json(200, r#"{"name":"operations/8f4","done":true}"#)],
                    &["PATCH /v4/users/me/dataTypes/body-fat/dataPoints/3310080002 …\"percentage\":18.25"],
                )
                .delete(&[deleted()], &["POST /v4/users/me/dataTypes/body-fat/dataPoints:batchDelete "])
                .find_existing(&[listing(BODY_FAT)], &["GET /v4/users/me/dataTypes/body-fat/dataPoints?"])
                .missing(in_operation(5))
                .refused("a refusal without a reason", Canned::json(400, r#"{"error":{"code":400}}"#)),
        )
        .push(
            "height",
            PushFixture::new(include_str!("../fixtures/push_height.json"))
                .create(
                    &[operation(HEIGHT)],
                    &["POST /v4/users/me/dataTypes/height/dataPoints …{\"height\":{\"heightMillimeters\":\"1785\",\
                       \"sampleTime\":{\"physicalTime\":\"2026-03-04T10:30:00Z\",\"utcOffset\":\"-12600s\"}}}"],
                )
                .update(
                    &[operation(HEIGHT)],
                    &["PATCH /v4/users/me/dataTypes/height/dataPoints/1200345777 …\"1785\""],
                )
                .delete(&[deleted()], &["POST /v4/users/me/dataTypes/height/dataPoints:batchDelete "])
                .find_existing(&[listing(HEIGHT)], &["GET /v4/users/me/dataTypes/height/dataPoints?"])
                .refused("a conflict", failure(409, "ABORTED", "Conflict.", "ABORTED")),
        )
        .push(
            "exercise",
            PushFixture::new(include_str!("../fixtures/push_exercise.json"))
                .create(
                    &[operation(EXERCISE)],
                    &["POST /v4/users/me/dataTypes/exercise/dataPoints …\"activeDuration\":\"3391.62s\",\
                       \"displayName\":\"Evening ride\",\"exerciseType\":\"BIKING\",\"interval\":{\
                       \"endTime\":\"2026-03-03T17:56:31.620Z\",\"endUtcOffset\":\"3600s\",\
                       \"startTime\":\"2026-03-03T17:00:00Z\",\"startUtcOffset\":\"3600s\"},\
                       \"metricsSummary\":{\"averageHeartRateBeatsPerMinute\":\"132\",\"caloriesKcal\":602.4,\
                       \"distanceMillimeters\":21417080,\"steps\":\"12\"}}}"],
                )
                .update(
                    &[operation(EXERCISE)],
                    &["PATCH /v4/users/me/dataTypes/exercise/dataPoints/6157720098123477 …"],
                )
                .delete(&[deleted()], &["POST /v4/users/me/dataTypes/exercise/dataPoints:batchDelete "])
                .find_existing(
                    &[listing(EXERCISE)],
                    &["GET /v4/users/me/dataTypes/exercise/dataPoints?pageSize=25&filter=exercise.\
                       interval.civil_start_time+%3E%3D+%222026-03-01%22+AND+exercise.interval.\
                       civil_start_time+%3C+%222026-03-06%22"],
                )
                .refused("somebody else's entry", foreign()),
        )
        .push(
            "nutrition",
            PushFixture::new(include_str!("../fixtures/push_nutrition.json"))
                .create(
                    &[operation(NUTRITION)],
                    &["POST /v4/users/me/dataTypes/nutrition-log/dataPoints …\"energy\":{\"kcal\":512.5},\
                       \"foodDisplayName\":\"Breakfast\",\"interval\":{\"endTime\":\"2026-03-03T07:01:00Z\"…\
                       \"mealType\":\"BREAKFAST\",\"nutrients\":[{\"nutrient\":\"PROTEIN\",\"quantity\":{\"grams\":24}},\
                       {\"nutrient\":\"DIETARY_FIBER\",\"quantity\":{\"grams\":6.2}},\
                       {\"nutrient\":\"SODIUM\",\"quantity\":{\"grams\":0.4805}}],\
                       \"totalCarbohydrate\":{\"grams\":61.5},\"totalFat\":{\"grams\":17}}"],
                )
                .delete(&[deleted()], &["POST /v4/users/me/dataTypes/nutrition-log/dataPoints:batchDelete "])
                .find_existing(&[listing(NUTRITION)], &["GET /v4/users/me/dataTypes/nutrition-log/dataPoints?"])
                .refused(
                    "a meal of no length",
                    failure(400, "INVALID_ARGUMENT", "Start before end.", "INVALID_TIME_RANGE"),
                ),
        )
}

#[tokio::test]
async fn google_health_conforms() {
    let over = |message| failure(429, "RESOURCE_EXHAUSTED", message, "RATE_LIMIT_EXCEEDED");
    pushes(Conformance::new(Arc::new(GoogleHealth)))
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
            "the named error decides, whatever the status",
            Canned::json(401, r#"{"error":"invalid_grant"}"#),
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
        // 30 days before the cursor; colons, quotes and signs are form-encoded.
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
        .notifications(notifications::fixture())
        .run()
        .await;
}

#[test]
fn the_readme_lists_what_is_polled_and_pushed() {
    let row = partner_sdk::testkit::readme_row(&partner_google_health::MANIFEST);
    assert!(include_str!("../../README.md").contains(&row), "partners/README.md lacks: {row}");
}
