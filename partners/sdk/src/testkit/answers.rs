//! Cases of responses that are not pages: HTTP errors, outages and the partner's own errors.

use serde_json::Value;

use super::Expect;
use super::conformance::{Conformance, FeedFixture};
use super::feeds::stays_at_the_api;
use super::harness::Harness;
use super::mutate;
use super::report::Report;
use super::server::Canned;
use crate::http::bounds;
use crate::{Feed, LimitScope, PartnerError};

pub(super) async fn run(
    harness: &Harness,
    feed: &'static Feed,
    fixture: &FeedFixture,
    suite: &Conformance,
    report: &mut Report,
) {
    let first_page = fixture.pages.first().map(String::as_str).unwrap_or_default();
    let every_partner = every_partner(first_page);
    for (case, _) in &suite.overrides {
        let known = every_partner.iter().any(|(name, _, _)| name == case);
        let outcome = if known { Ok(()) } else { Err("there is no such case".to_owned()) };
        report.case(feed.name, &format!("`instead` of {case:?}"), outcome);
    }
    let cases = every_partner.into_iter().map(|(case, answer, expect)| {
        let instead = suite.overrides.iter().find(|(name, _)| name == case);
        (case.to_owned(), answer, instead.map_or(expect, |(_, expect)| *expect))
    });
    for (case, answer, expect) in cases.chain(suite.answers.iter().cloned()) {
        let doubtful = doubtful(&answer).filter(|_| expect == Expect::MissingScope);
        let outcome = try_answer(harness, feed, answer, expect).await;
        report.case(feed.name, &case, outcome);
        if let Some(answer) = doubtful {
            let outcome = switches_nothing_off(harness, feed, answer).await;
            report.case(feed.name, &format!("{case}, but the text says something else"), outcome);
        }
    }
}

async fn switches_nothing_off(
    harness: &Harness,
    feed: &'static Feed,
    answer: Canned,
) -> Result<(), String> {
    harness.server.prepare([answer]);
    match harness.poll(feed, None, None).await? {
        Err(PartnerError::MissingScope(_)) => {
            Err("it is MissingScope all the same: look at what the answer says".to_owned())
        }
        _ => Ok(()),
    }
}

/// The same answer with other texts. What only a person can take back must not follow from a number
/// whose text contradicts it.
fn doubtful(answer: &Canned) -> Option<Canned> {
    let mut body: Value = serde_json::from_str(&answer.body_text()).ok()?;
    for leaf in mutate::leaves(&body) {
        if let Some(Value::String(text)) = body.pointer_mut(&leaf) {
            "An unknown error occurred".clone_into(text);
        }
    }
    Some(answer.with_body(&body.to_string()))
}

/// The responses that every partner is tested with, with the names used in the report and in
/// [`Conformance::instead`].
pub(super) fn every_partner(first_page: &str) -> Vec<(&'static str, Canned, Expect)> {
    let limited = Expect::RateLimited;
    let cut: String = first_page.chars().take(first_page.chars().count() / 2).collect();
    let too_many = format!("{{\"conformance\":[{}0]}}", "0,".repeat(bounds::MAX_ITEMS as usize));
    let too_many_too = too_many.clone();
    let redirect =
        |status| Canned::text(status, "").header("location", "http://elsewhere.test/base/");
    vec![
        ("HTTP 401", Canned::json(401, "{}"), Expect::Unauthorized),
        ("HTTP 403", Canned::json(403, "{}"), Expect::Transient),
        ("HTTP 403 with a web page", Canned::page(403), Expect::Transient),
        ("HTTP 429", Canned::json(429, "{}"), limited(LimitScope::App, None)),
        (
            "HTTP 429 with Retry-After",
            Canned::json(429, "{}").header("retry-after", "137"),
            limited(LimitScope::App, Some(137)),
        ),
        ("HTTP 429 in plain text", Canned::text(429, "Slow down."), limited(LimitScope::App, None)),
        ("HTTP 500", Canned::json(500, "{}"), Expect::Transient),
        ("HTTP 502 with a web page", Canned::page(502), Expect::Transient),
        ("HTTP 503", Canned::text(503, "maintenance"), Expect::Transient),
        ("HTTP 504 without a body", Canned::text(504, ""), Expect::Transient),
        ("HTTP 200 with a web page", Canned::page(200), Expect::Transient),
        ("HTTP 200 without a body", Canned::json(200, ""), Expect::NotUnderstood),
        ("HTTP 200 with half of the JSON", Canned::json(200, cut), Expect::NotUnderstood),
        (
            "HTTP 200 with a text as JSON",
            Canned::json(200, "\"maintenance\""),
            Expect::NotUnderstood,
        ),
        (
            "a transfer that breaks off",
            Canned::json(200, first_page).broken_off(),
            Expect::Transient,
        ),
        ("a connection closed without an answer", Canned::hang_up(), Expect::Transient),
        ("more items than are kept", Canned::json(200, too_many), Expect::Malformed),
        (
            "HTTP 429 with more items than are kept",
            Canned::json(429, too_many_too),
            limited(LimitScope::App, None),
        ),
        ("a redirect is not followed", redirect(302), Expect::Transient),
        ("a permanent redirect is not followed", redirect(308), Expect::Transient),
    ]
}

async fn try_answer(
    harness: &Harness,
    feed: &'static Feed,
    answer: Canned,
    expect: Expect,
) -> Result<(), String> {
    harness.server.prepare([answer]);
    let outcome = harness.poll(feed, None, None).await?;
    if harness.server.asked_beyond() {
        return Err("it called again after the failure: retrying is the daemon's".to_owned());
    }
    expect.check(&outcome)?;
    harness.server.received().iter().try_for_each(stays_at_the_api)?;
    match outcome {
        Ok(_) => Ok(()),
        Err(error) => harness.check_text(&error.to_string()),
    }
}
