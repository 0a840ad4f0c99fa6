//! Strava against the conformance suite.

mod notifications;

use std::sync::Arc;

use partner_sdk::testkit::{Canned, Conformance, Expect, PushFixture};
use partner_sdk::{LimitScope, Tz};
use partner_strava::Strava;

const MADE: &str = include_str!("../fixtures/push_exercise.answer.json");
const LISTED: &str = include_str!("../fixtures/push_exercise.list.json");

/// A failure as Strava reports it.
fn fault(status: u16, message: &str, resource: &str, field: &str, code: &str) -> Canned {
    let error = format!(r#"{{"resource":"{resource}","field":"{field}","code":"{code}"}}"#);
    Canned::json(status, format!(r#"{{"message":"{message}","errors":[{error}]}}"#))
}

fn bad_request(resource: &str, field: &str) -> Canned {
    fault(400, "Bad Request", resource, field, "invalid")
}

fn pushing() -> PushFixture {
    PushFixture::new(include_str!("../fixtures/push_exercise.json"))
        .create(
            &[Canned::json(201, MADE)],
            &["POST /activities application/x-www-form-urlencoded name=Evening+row&sport_type=Rowing\
               &start_date_local=2026-03-03T19%3A05%3A00Z&elapsed_time=1800&distance=5000.5"],
        )
        .find_existing(
            &[Canned::json(200, LISTED), Canned::json(200, MADE)],
            &[
                "GET /athlete/activities?after=1772557380&before=1772557620",
                "GET /activities/13000000417",
            ],
        )
        .refused("a sport it does not know", bad_request("Activity", "sport_type"))
        .refused(
            "an activity at the same time",
            fault(409, "Conflict", "Activity", "start_date", "duplicate"),
        )
}

#[tokio::test]
async fn strava_conforms() {
    Conformance::new(Arc::new(Strava))
        .time_zone(Tz::Europe__Helsinki)
        .token_reply(include_str!("../fixtures/token.json"), "134815")
        .token_failure(
            "a code that is no longer valid",
            bad_request("AuthorizationCode", "code"),
            Expect::Unauthorized,
        )
        .token_failure(
            "a dead refresh token",
            bad_request("RefreshToken", "refresh_token"),
            Expect::Unauthorized,
        )
        .token_failure(
            "an access token is not what a token call is about",
            bad_request("Athlete", "access_token"),
            Expect::Transient,
        )
        .token_failure(
            "a client that is not known is nothing the user can mend",
            bad_request("Application", "client_id"),
            Expect::Malformed,
        )
        .token_failure(
            "a parameter it does not take",
            bad_request("OAuth", "grant_type"),
            Expect::Malformed,
        )
        .revoke(
            &[Canned::json(200, r#"{"access_token":"a4b9"}"#)],
            &["POST http://accounts.partner.test/revoke access_token="],
        )
        .feed(
            "activities",
            &[
                include_str!("../fixtures/activities-1.json"),
                include_str!("../fixtures/activities-2.json"),
                include_str!("../fixtures/activities-3.json"),
            ],
            include_str!("../fixtures/activities.expected.json"),
        )
        // Activity 12345679001 is missing: it was deleted after the list was made.
        .details(
            "/activities/",
            &[
                (
                    "/activities/154504250376823",
                    include_str!("../fixtures/activity-154504250376823.json"),
                ),
                ("/activities/12345678987", include_str!("../fixtures/activity-12345678987.json")),
                ("/activities/12345679222", include_str!("../fixtures/activity-12345679222.json")),
            ],
        )
        // Two weeks before the latest start, 2026-03-03T18:30:00Z, and exclusive.
        .resumes_with("/athlete/activities?after=1771352999&page=1&")
        .answer(
            "a token that is not accepted",
            fault(401, "Authorization Error", "Athlete", "access_token", "invalid"),
            Expect::Unauthorized,
        )
        .answer(
            "a right that was not ticked",
            fault(401, "Authorization Error", "AccessToken", "activity:read_permission", "missing"),
            Expect::MissingScope,
        )
        .answer(
            "the owner's subscription lapsed",
            Canned::json(403, r#"{"message":"Application Status Inactive","errors":[]}"#),
            Expect::Transient,
        )
        .answer(
            "a limit",
            fault(429, "Rate Limit Exceeded", "Application", "rate limit", "exceeded"),
            Expect::RateLimited(LimitScope::App, None),
        )
        .answer(
            "a parameter it does not take",
            bad_request("Activity", "per_page"),
            Expect::Malformed,
        )
        .push("exercise", pushing())
        .notifications(notifications::fixture())
        .run()
        .await;
}

#[test]
fn the_readme_lists_what_is_polled_and_pushed() {
    let row = partner_sdk::testkit::readme_row(&partner_strava::MANIFEST);
    assert!(include_str!("../../README.md").contains(&row), "partners/README.md lacks: {row}");
}
