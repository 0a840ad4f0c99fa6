//! Cases of one feed with pages as documented.

use serde_json::{Value, json};

use super::conformance::{FeedFixture, ResumeFixture};
use super::expected::Expected;
use super::harness::{ACCESS_TOKEN, Harness, SyncFailure, Synced, TOKEN_SECRET};
use super::report::Report;
use super::requests::are_as_documented;
use super::server::{API_URL, Canned, Received};
use super::{hiccups, items, mutate};
use crate::{Auth, Cursor, Feed, Placement};

pub(super) async fn run(
    harness: &Harness,
    feed: &'static Feed,
    fixture: &FeedFixture,
    report: &mut Report,
) {
    let pages = match fixture.pages.iter().map(|page| serde_json::from_str(page)).collect() {
        Ok(pages) => pages,
        Err(error) => {
            let message = format!("a page of the fixture is not JSON: {error}");
            report.case(feed.name, "its pages are read", Err(message));
            return;
        }
    };
    let pages: Vec<Value> = pages;
    let synced = match harness.sync(feed, None, as_answers(&pages)).await {
        Ok(synced) => synced,
        // The cases that need a complete sync would only fail for the same reason.
        Err(SyncFailure::NeverEnds(message)) => {
            report.case(feed.name, "its pages end", Err(message));
            return;
        }
        Err(SyncFailure::Failed(message)) => {
            report.case(feed.name, "its pages are read", Err(message));
            return;
        }
    };
    report.case(feed.name, "its pages end", Ok(()));
    report.case(feed.name, "its pages are read", Ok(()));
    report.case(
        feed.name,
        "the cursor stands on the last page and only there",
        cursor_place(&synced),
    );
    let as_expected = expected_records(feed, fixture)
        .and_then(|expected| expected.compare(&synced.records, &synced.deleted, &synced.refused));
    report.case(feed.name, AS_EXPECTED, as_expected);
    report.case(feed.name, "every record has an id of its own", unique_ids(&synced));
    report.case(
        feed.name,
        "its records are of its kinds, and each kind comes",
        kinds(feed, &synced),
    );
    report.case(
        feed.name,
        "calls go to the API, with the token in the header",
        calls(harness, &synced.requests, synced.permits),
    );

    let again = harness.sync(feed, None, as_answers(&pages)).await;
    let again = again.map_err(SyncFailure::message).and_then(|again| same(&synced, &again));
    report.case(feed.name, "the same pages give the same records", again);

    let mut extended = pages.clone();
    extended.iter_mut().for_each(mutate::add_unknown_fields);
    let extended = harness.sync(feed, None, as_answers(&extended)).await;
    let extended = extended.map_err(SyncFailure::message).and_then(|it| same(&synced, &it));
    report.case(feed.name, "fields nobody knows change nothing", extended);

    if let Some((_, cursor)) = synced.cursors.last() {
        let resumed = match &fixture.resumed {
            Some(given) => resume_as(harness, feed, given, cursor).await,
            None => resume(harness, feed, fixture, cursor, &pages, &synced).await,
        };
        report.case(feed.name, "a poll from the cursor asks for what follows it", resumed);
        if let Some(given) = &fixture.resumed {
            let broken = resume_broken(harness, feed, given, cursor).await;
            report.case(feed.name, "broken answers to a poll from the cursor do no harm", broken);
        }
    }
    let alien = harness.poll(feed, Some(Cursor("\u{1F980} not a cursor".into())), None).await;
    report.case(feed.name, "a cursor it cannot read does no harm", alien.map(drop));

    let first_page = pages.first().map(Value::to_string).unwrap_or_default();
    let ended = hiccups::ends(harness, feed, &first_page).await;
    report.case(feed.name, "pages in a circle are left to the daemon", ended);
    let details = &fixture.details;
    let halves = hiccups::half_emoji_in_details(harness, feed, &pages, details).await;
    harness.server.set_details(details.clone());
    report.case(feed.name, "half an emoji in a single item does no harm", halves);
    items::run(harness, feed, fixture, &pages, report).await;
}

const AS_EXPECTED: &str = "its records are the expected ones";

/// Reports expected records that are not written yet, if there are no pages to compare with.
pub(super) fn expected_are_written(feed: &Feed, fixture: &FeedFixture, report: &mut Report) {
    if let Err(message) = expected_records(feed, fixture) {
        report.case(feed.name, AS_EXPECTED, Err(message));
    }
}

fn expected_records(feed: &Feed, fixture: &FeedFixture) -> Result<Expected, String> {
    if fixture.expected.trim().is_empty() {
        return Err(format!(
            "they are empty: write by hand which records the pages hold \
             (fixtures/{}.expected.json)",
            feed.name
        ));
    }
    Expected::read(&fixture.expected)
}

/// The pages as responses of the partner.
pub(super) fn as_answers(pages: &[Value]) -> Vec<Canned> {
    pages.iter().map(|page| Canned::json(200, page.to_string())).collect()
}

fn cursor_place(synced: &Synced) -> Result<(), String> {
    match synced.cursors.as_slice() {
        [(page, _)] if *page == synced.pages => Ok(()),
        [] => Err("no page gave a cursor: the next sync would start over".to_owned()),
        cursors => {
            let pages: Vec<_> = cursors.iter().map(|(page, _)| page).collect();
            Err(format!("of {} pages these gave a cursor: {pages:?}", synced.pages))
        }
    }
}

fn unique_ids(synced: &Synced) -> Result<(), String> {
    let mut ids: Vec<_> = synced.records.iter().map(|record| &record["source_id"]).collect();
    ids.sort_by_key(|id| id.to_string());
    let twice = ids.iter().zip(ids.iter().skip(1)).find(|(id, next)| id == next);
    match twice {
        Some((id, _)) => Err(format!("several records have the id {id}")),
        None if ids.contains(&&Value::from("")) => Err("a record has an empty id".to_owned()),
        None => Ok(()),
    }
}

fn kinds(feed: &Feed, synced: &Synced) -> Result<(), String> {
    if let Some(kind) = synced.kinds.iter().find(|kind| !feed.kinds.contains(kind)) {
        return Err(format!("a record is of the kind {kind}, which the manifest does not list"));
    }
    match feed.kinds.iter().find(|kind| !synced.kinds.contains(kind)) {
        Some(kind) => Err(format!("no record of the fixture is of the kind {kind}")),
        None => Ok(()),
    }
}

/// Checks that each call has the token where the partner expects it, and its own permit.
pub(super) fn calls(
    harness: &Harness,
    requests: &[Received],
    permits: usize,
) -> Result<(), String> {
    for request in requests {
        stays_at_the_api(request)?;
        let sent = request.header("authorization").unwrap_or_default();
        let carried = match harness.partner.manifest().auth {
            Auth::OAuth2(_) => sent == format!("Bearer {ACCESS_TOKEN}"),
            Auth::OAuth1(oauth) => signed(request, sent, oauth.placement),
        };
        if !carried {
            return Err(format!("a call of {} carried no token", without_query(&request.target)));
        }
        if [ACCESS_TOKEN, TOKEN_SECRET].iter().any(|secret| request.body.contains(secret)) {
            return Err(format!("a call of {} has the token in its body", request.target));
        }
    }
    if permits != requests.len() {
        let calls = requests.len();
        return Err(format!("{calls} calls took {permits} permits: use the session for each"));
    }
    Ok(())
}

/// Whether the token is where this partner expects it for OAuth 1.0a, with a signature.
fn signed(request: &Received, header: &str, placement: Placement) -> bool {
    let parts = match placement {
        Placement::Header => {
            [format!("oauth_token=\"{ACCESS_TOKEN}\""), "oauth_signature=\"".to_owned()]
        }
        Placement::Query => [format!("oauth_token={ACCESS_TOKEN}"), "oauth_signature=".to_owned()],
    };
    let place = match placement {
        Placement::Header => header,
        Placement::Query => &request.target,
    };
    parts.iter().all(|part| place.contains(part.as_str()))
}

fn without_query(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

/// Reports a call that goes outside the API's URL, or has a secret in its own URL.
pub(super) fn stays_at_the_api(request: &Received) -> Result<(), String> {
    let rest = request.target.strip_prefix(API_URL);
    if !rest.is_some_and(|rest| rest.starts_with(['/', '?'])) {
        return Err(format!("a call went to {}, outside the API {API_URL}", request.target));
    }
    // With OAuth 1.0a in the query, the protocol puts the token there, but never its secret.
    let by_protocol = request.target.contains("oauth_signature=");
    if request.target.contains(ACCESS_TOKEN) && !by_protocol
        || request.target.contains(TOKEN_SECRET)
    {
        return Err("a call has the token in its address".to_owned());
    }
    Ok(())
}

fn same(first: &Synced, second: &Synced) -> Result<(), String> {
    for (name, differ) in [
        ("the records", first.records != second.records),
        ("what is deleted", first.deleted != second.deleted),
        ("what is refused", first.refused != second.refused),
        ("the cursor", first.cursors != second.cursors),
    ] {
        if differ {
            return Err(format!("{name} changed"));
        }
    }
    Ok(())
}

/// Runs a sync from the cursor with its own fixture.
async fn resume_as(
    harness: &Harness,
    feed: &'static Feed,
    given: &ResumeFixture,
    cursor: &Cursor,
) -> Result<(), String> {
    let answers = given.pages.iter().map(|page| Canned::json(200, page.as_str())).collect();
    let resumed = harness.sync(feed, Some(cursor.clone()), answers).await;
    let resumed = resumed.map_err(SyncFailure::message)?;
    calls(harness, &resumed.requests, resumed.permits)?;
    are_as_documented(&resumed.requests, &given.requests)?;
    cursor_place(&resumed)?;
    let expected = Expected::read(&given.expected)?;
    expected.compare(&resumed.records, &resumed.deleted, &resumed.refused)
}

/// The same with each field broken in turn: it may fail, but without a panic, an endless sync or a
/// message that contains a value.
async fn resume_broken(
    harness: &Harness,
    feed: &'static Feed,
    given: &ResumeFixture,
    cursor: &Cursor,
) -> Result<(), String> {
    let pages = given.pages.iter().map(|page| serde_json::from_str(page));
    let pages: Vec<Value> = pages.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    for (index, page) in pages.iter().enumerate() {
        for leaf in mutate::leaves(page) {
            for garbage in [json!(items::GARBAGE_TEXT), json!(null), json!({}), json!(i64::MAX)] {
                let mut pages = pages.clone();
                if let Some(field) = pages.get_mut(index).and_then(|it| it.pointer_mut(&leaf)) {
                    *field = garbage;
                }
                let what = |message| format!("call {}, {leaf} broken: {message}", index + 1);
                match harness.sync(feed, Some(cursor.clone()), as_answers(&pages)).await {
                    Err(SyncFailure::NeverEnds(message)) => return Err(what(message)),
                    Err(SyncFailure::Failed(text)) if text.contains("panicked") => {
                        return Err(what(text));
                    }
                    Err(SyncFailure::Failed(text)) => harness.check_text(&text).map_err(what)?,
                    Ok(synced) => {
                        let mut reasons = synced.refused.iter().map(|refused| &refused.reason);
                        reasons.try_for_each(|it| harness.check_text(it)).map_err(what)?;
                    }
                }
            }
        }
    }
    Ok(())
}

async fn resume(
    harness: &Harness,
    feed: &'static Feed,
    fixture: &FeedFixture,
    cursor: &Cursor,
    pages: &[Value],
    first: &Synced,
) -> Result<(), String> {
    let resumed = harness.sync(feed, Some(cursor.clone()), as_answers(pages)).await;
    let resumed = resumed.map_err(SyncFailure::message)?;
    calls(harness, &resumed.requests, resumed.permits)?;
    let asked = |synced: &Synced| {
        synced.requests.first().map(|request| format!("{} {}", request.target, request.body))
    };
    let (before, now) = (asked(first), asked(&resumed));
    if before == now {
        return Err(format!("it asked the same as the first sync: {}", now.unwrap_or_default()));
    }
    let now = now.unwrap_or_default();
    match fixture.resumes_with.iter().find(|text| !now.contains(text.as_str())) {
        Some(text) => Err(format!("the call does not hold {text:?}: {now}")),
        None => Ok(()),
    }
}
