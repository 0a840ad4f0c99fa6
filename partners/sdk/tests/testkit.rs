//! The conformance suite detects faults: tests with partners that have one deliberate fault each.

#![expect(clippy::panic, reason = "partners that panic are among those tried")]

pub mod fixtures;
pub mod sample;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fixtures::suite;
use partner_sdk::serde_json::Value;
use partner_sdk::testkit::{Conformance, Expect, Report};
use partner_sdk::{
    Body, Cursor, Decimal, Manifest, Page, Partner, PartnerError, PollRequest, PushRequest, Pushed,
    RejectedRecord, RemoteRecord, Reply, Session, async_trait,
};
use sample::Pulsebox;

/// What is wrong with a partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    PagesNeverEnd,
    StopsEarly,
    CursorOnEveryPage,
    NoCursor,
    CursorIgnored,
    BadItemKillsThePage,
    PanicsOnABadField,
    LosesTheNeighbourOfABadItem,
    DeletesTheNeighbourOfABadItem,
    ValueInTheReason,
    ValueInTheError,
    WrongUnit,
    ForgetsARecord,
    OneIdForAll,
    RefusedTokenIsAnOutage,
    TriesAgain,
    CallsSomewhereElse,
    UnwrittenToken,
    DeadTokenIsAnOutage,
    WrongUser,
}

struct Faulty {
    fault: Fault,
    polls: AtomicUsize,
}

#[async_trait]
impl Partner for Faulty {
    fn manifest(&self) -> &'static Manifest {
        Pulsebox.manifest()
    }

    async fn poll(&self, session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
        let poll_number = 1 + self.polls.fetch_add(1, Ordering::Relaxed);
        let mut request = request.clone();
        match self.fault {
            Fault::CallsSomewhereElse => {
                drop(session.post_url("http://elsewhere.test/collect").send().await);
            }
            Fault::CursorIgnored => request.cursor = None,
            _ => {}
        }
        let outcome = Pulsebox.poll(session, &request).await;
        let mut page = match (self.fault, outcome) {
            (Fault::TriesAgain, Err(_)) => return Pulsebox.poll(session, &request).await,
            (Fault::RefusedTokenIsAnOutage, Err(PartnerError::Unauthorized(text))) => {
                return Err(PartnerError::Transient(text));
            }
            (Fault::ValueInTheError, Err(PartnerError::Malformed(_))) => {
                return Err(PartnerError::Malformed(
                    "cannot read 2026-03-03T21:40:00+01:00".into(),
                ));
            }
            (_, outcome) => outcome?,
        };
        let any_refused = page.records.iter().any(Result::is_err);
        match self.fault {
            Fault::PagesNeverEnd => {
                page.cursor = None;
                page.next_page.get_or_insert_with(|| "more".to_owned());
            }
            Fault::StopsEarly => page.next_page = None,
            Fault::CursorOnEveryPage => page.cursor = Some(Cursor("here".to_owned())),
            Fault::NoCursor => page.cursor = None,
            Fault::BadItemKillsThePage if any_refused => {
                return Err(PartnerError::Malformed("an item is not readable".into()));
            }
            Fault::PanicsOnABadField if any_refused => panic!("an item is not readable"),
            Fault::LosesTheNeighbourOfABadItem if any_refused => drop(page.records.pop()),
            Fault::DeletesTheNeighbourOfABadItem if any_refused => {
                page.deleted.extend(["r-7741", "r-7702", "r-6980"].map(ToOwned::to_owned));
            }
            Fault::ValueInTheReason if any_refused => {
                let reason = "cannot read conformance-garbage-3f9a17".into();
                page.records.push(Err(RejectedRecord { source_id: None, reason }));
            }
            Fault::WrongUnit => {
                for record in page.records.iter_mut().flatten() {
                    if let Body::Measurement(measurement) = &mut record.body {
                        measurement.value *= Decimal::ONE_THOUSAND;
                    }
                }
            }
            // The second page of the second sync.
            Fault::ForgetsARecord if poll_number == 4 => drop(page.records.pop()),
            Fault::OneIdForAll => {
                for record in page.records.iter_mut().flatten() {
                    record.source_id = "r".to_owned();
                }
            }
            _ => {}
        }
        Ok(page)
    }

    async fn push(&self, session: &Session, request: &PushRequest) -> Result<Pushed, PartnerError> {
        Pulsebox.push(session, request).await
    }

    async fn find_existing(
        &self,
        session: &Session,
        request: &PushRequest,
    ) -> Result<Vec<RemoteRecord>, PartnerError> {
        Pulsebox.find_existing(session, request).await
    }

    fn token_reply(&self, reply: &Reply) -> Result<Value, PartnerError> {
        match (self.fault, Pulsebox.token_reply(reply)) {
            (Fault::UnwrittenToken, _) => panic!("not written yet"),
            (Fault::DeadTokenIsAnOutage, Err(PartnerError::Unauthorized(text))) => {
                Err(PartnerError::Transient(text))
            }
            (_, outcome) => outcome,
        }
    }

    async fn external_user_id(
        &self,
        session: &Session,
        token: &Value,
    ) -> Result<String, PartnerError> {
        match self.fault {
            Fault::WrongUser => Ok("somebody".to_owned()),
            _ => Pulsebox.external_user_id(session, token).await,
        }
    }
}

async fn report(fault: Fault) -> Report {
    suite(Faulty { fault, polls: AtomicUsize::new(0) }).report().await
}

/// The cases that failed, `[subject] case`.
fn failed(report: &Report) -> Vec<String> {
    report.failures.iter().map(|it| format!("[{}] {}", it.subject, it.case)).collect()
}

#[tokio::test]
async fn each_fault_is_reported_by_the_case_that_is_about_it_and_by_no_other() {
    for (fault, case) in [
        (Fault::PagesNeverEnd, "[readings] its pages end"),
        (Fault::StopsEarly, "[readings] its pages are read"),
        (Fault::CursorOnEveryPage, "[readings] the cursor stands on the last page and only there"),
        (Fault::NoCursor, "[readings] the cursor stands on the last page and only there"),
        (Fault::CursorIgnored, "[readings] a poll from the cursor asks for what follows it"),
        (Fault::ForgetsARecord, "[readings] the same pages give the same records"),
        (Fault::WrongUnit, "[readings] its records are the expected ones"),
        (Fault::ValueInTheReason, "[readings] reasons of refusals hold no values"),
        (Fault::RefusedTokenIsAnOutage, "[readings] HTTP 401"),
        (Fault::DeadTokenIsAnOutage, "[token] a dead refresh token"),
        (Fault::WrongUser, "[token] the external user id is found"),
    ] {
        let report = report(fault).await;
        assert_eq!(failed(&report), [case], "{fault:?}: {report}");
    }
}

#[tokio::test]
async fn a_bad_item_that_costs_its_neighbours_is_reported() {
    let cases = [
        "[readings] garbage in place of an item costs that item only",
        "[readings] a broken field costs that item only",
        "[readings] half an emoji in a text costs that item only",
        "[readings] a text with a NUL, and far too long, costs that item only",
    ];
    for fault in [
        Fault::BadItemKillsThePage,
        Fault::PanicsOnABadField,
        Fault::LosesTheNeighbourOfABadItem,
        Fault::DeletesTheNeighbourOfABadItem,
    ] {
        let report = report(fault).await;
        assert_eq!(failed(&report), cases, "{fault:?}: {report}");
    }
}

#[tokio::test]
async fn ids_that_several_records_share_are_reported() {
    let cases = ["its records are the expected ones", "every record has an id of its own"];
    let report = report(Fault::OneIdForAll).await;
    assert_eq!(failed(&report), cases.map(|case| format!("[readings] {case}")), "{report}");
}

#[tokio::test]
async fn calls_to_other_addresses_are_reported() {
    let report = report(Fault::CallsSomewhereElse).await;
    assert!(
        report.to_string().contains("http://elsewhere.test/collect, outside the API"),
        "{report}"
    );
}

#[tokio::test]
async fn values_in_error_texts_are_reported() {
    let report = report(Fault::ValueInTheError).await;
    let about_values =
        |message: &str| message.contains("holds the value \"2026-03-03T21:40:00+01:00\"");
    assert!(!report.failures.is_empty());
    assert!(report.failures.iter().all(|failure| about_values(&failure.message)), "{report}");
}

#[tokio::test]
async fn retries_of_the_partners_own_are_reported() {
    let report = report(Fault::TriesAgain).await;
    let failures = report.failures.iter();
    let about_retries = failures.filter(|it| it.message.contains("retrying is the daemon's"));
    assert_eq!(about_retries.count(), 20, "{report}");
}

#[tokio::test]
async fn what_is_not_written_yet_fails_case_by_case() {
    let report = report(Fault::UnwrittenToken).await;
    assert!(report.failures.len() > 5);
    for failure in &report.failures {
        assert_eq!((failure.subject.as_str(), failure.message.as_str()), ("token", "it panicked"));
    }
    assert!(report.to_string().starts_with("pulsebox does not conform: "), "{report}");
}

#[tokio::test]
async fn fixtures_that_are_missing_are_reported() {
    let report =
        Conformance::new(Arc::new(Pulsebox)).instead("HTTP 999", Expect::Gone).report().await;
    let expected = [
        "[token] it has a fixture",
        "[token] a dead token has a fixture",
        "[readings] it has a fixture",
        "[push weight] it has a fixture of each action",
    ];
    assert_eq!(failed(&report), expected);
    let report = suite(Pulsebox).instead("HTTP 999", Expect::Gone).report().await;
    assert_eq!(failed(&report), ["[readings] `instead` of \"HTTP 999\""]);
}

/// The state that `cargo xtask new-partner` creates.
#[tokio::test]
async fn fixtures_that_are_empty_are_reported_with_what_to_write() {
    let suite = Conformance::new(Arc::new(Pulsebox)).token_reply("\n", "");
    let report = suite.feed("readings", &["{}", " "], "").report().await;
    let expected = [
        "[token] it has a fixture",
        "[token] a dead token has a fixture",
        "[readings] it has a fixture",
        "[readings] its records are the expected ones",
        "[push weight] it has a fixture of each action",
    ];
    assert_eq!(failed(&report), expected);
    for file in ["token.json", "readings-2.json", "readings.expected.json"] {
        assert!(report.to_string().contains(&format!("(fixtures/{file})")), "{file}: {report}");
    }
    let pages =
        [include_str!("fixtures/readings-1.json"), include_str!("fixtures/readings-2.json")];
    let report = Conformance::new(Arc::new(Pulsebox)).feed("readings", &pages, "").report().await;
    assert_eq!(failed(&report)[2], "[readings] its records are the expected ones", "{report}");
}

#[tokio::test]
#[should_panic(expected = "its pages end")]
async fn a_run_with_failures_panics_with_their_list() {
    suite(Faulty { fault: Fault::PagesNeverEnd, polls: AtomicUsize::new(0) }).run().await;
}
