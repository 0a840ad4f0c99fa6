//! The conformance suite detects faults: partners with one deliberate fault each in their pushes.

#![expect(clippy::panic, reason = "a partner that panics is among those tried")]

pub mod fixtures;
pub mod sample;

use std::sync::Arc;

use fixtures::{suite, weight, without_pushes};
use partner_sdk::serde_json::Value;
use partner_sdk::testkit::{Canned, Conformance, Expect, PushFixture, Report};
use partner_sdk::{
    Action, Body, Decimal, Manifest, Page, Partner, PartnerError, PollRequest, PushRequest, Pushed,
    RemoteRecord, Session, Update, Writable, async_trait,
};
use sample::Pulsebox;

/// What is wrong with a partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    WrongId,
    EmptyId,
    ValueAsSent,
    AnotherKind,
    WritesNothing,
    WritesTwice,
    TriesAgain,
    CallsSomewhereElse,
    PanicsOnABadAnswer,
    RefusedTokenIsAnOutage,
    RefusedChangeIsAnOutage,
    ValueInTheReason,
    MissingCannotBeDeleted,
    MissingIsUpdated,
    PageIsADeletion,
    GoneIsForgotten,
    FindsNothing,
    FindsNothingInAnOutage,
    FindsAnotherValue,
    ReadsOn,
}

struct Faulty(Fault);

#[async_trait]
impl Partner for Faulty {
    fn manifest(&self) -> &'static Manifest {
        Pulsebox.manifest()
    }

    async fn poll(&self, session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
        Pulsebox.poll(session, request).await
    }

    async fn push(&self, session: &Session, request: &PushRequest) -> Result<Pushed, PartnerError> {
        let deletes = matches!(request.action, Action::Delete(_));
        match self.0 {
            Fault::CallsSomewhereElse => {
                drop(session.post_url("http://elsewhere.test/collect").send().await);
            }
            Fault::WritesTwice => drop(Pulsebox.push(session, request).await),
            Fault::PageIsADeletion if deletes => {
                let reply = session.delete("/v1/readings/r-7725/weight_g").send_unchecked().await?;
                if matches!(reply.status, 200 | 204) {
                    return Ok(Pushed::Gone);
                }
            }
            Fault::WritesNothing => return Ok(Pushed::Gone),
            _ => {}
        }
        let mut pushed = match (self.0, Pulsebox.push(session, request).await) {
            (Fault::TriesAgain, Err(_)) => return Pulsebox.push(session, request).await,
            (Fault::PanicsOnABadAnswer, Err(PartnerError::Malformed(_))) => panic!("unforeseen"),
            (Fault::RefusedTokenIsAnOutage, Err(PartnerError::Unauthorized(text)))
            | (Fault::RefusedChangeIsAnOutage, Err(PartnerError::Rejected(text))) => {
                return Err(PartnerError::Transient(text));
            }
            (Fault::ValueInTheReason, Err(PartnerError::Rejected(_))) => {
                return Err(PartnerError::Rejected("66.9204 kg is too much".into()));
            }
            (Fault::MissingCannotBeDeleted, Ok(Pushed::Gone)) if deletes => {
                return Err(PartnerError::Malformed("HTTP 404".into()));
            }
            (_, outcome) => outcome?,
        };
        let there = |id: &str, value: Decimal| RemoteRecord {
            source_id: id.to_owned(),
            group: Some("r-7725".to_owned()),
            start: request.record.start,
            end: None,
            modified: None,
            body: with_value(&request.record.body, value),
        };
        match (self.0, &mut pushed) {
            (Fault::WrongId, Pushed::There(record)) => record.source_id = "r-1:weight".to_owned(),
            (Fault::EmptyId, Pushed::There(record)) if record.source_id != "r-7725:weight" => {
                record.source_id = String::new();
            }
            (Fault::ValueAsSent, Pushed::There(record)) => {
                record.body = request.record.body.clone()
            }
            (Fault::AnotherKind, Pushed::There(record)) => {
                if let Body::Measurement(measurement) = &mut record.body {
                    measurement.r#type = partner_sdk::MeasurementType::FatMass;
                }
            }
            (Fault::MissingIsUpdated, Pushed::Gone) if !deletes => {
                pushed = Pushed::there(there("r-7725:weight", Decimal::new(6_692, 2)));
            }
            (Fault::GoneIsForgotten, Pushed::Gone) if deletes => {
                pushed = Pushed::there(there("r-7725:weight", Decimal::new(6_692, 2)));
            }
            _ => {}
        }
        Ok(pushed)
    }

    async fn find_existing(
        &self,
        session: &Session,
        request: &PushRequest,
    ) -> Result<Vec<RemoteRecord>, PartnerError> {
        let found = Pulsebox.find_existing(session, request).await;
        match self.0 {
            Fault::FindsNothing => found.map(|_| Vec::new()),
            Fault::FindsNothingInAnOutage => Ok(found.unwrap_or_default()),
            Fault::ReadsOn => {
                let is_other = |record: &RemoteRecord| record.source_id != "r-7725:weight";
                if found.as_ref().is_ok_and(|found| found.iter().any(is_other)) {
                    while Pulsebox.find_existing(session, request).await.is_ok() {}
                }
                found
            }
            Fault::FindsAnotherValue => found.map(|mut found| {
                for record in &mut found {
                    record.body = with_value(&record.body, Decimal::ONE);
                }
                found
            }),
            _ => found,
        }
    }

    async fn external_user_id(
        &self,
        session: &Session,
        token: &Value,
    ) -> Result<String, PartnerError> {
        Pulsebox.external_user_id(session, token).await
    }
}

fn with_value(body: &Body, value: Decimal) -> Body {
    let mut body = body.clone();
    if let Body::Measurement(measurement) = &mut body {
        measurement.value = value;
    }
    body
}

async fn report(fault: Fault) -> Report {
    suite(Faulty(fault)).report().await
}

/// The cases that failed.
fn failed(report: &Report) -> Vec<&str> {
    assert!(report.failures.iter().all(|it| it.subject == "push weight"), "{report}");
    report.failures.iter().map(|failure| failure.case.as_str()).collect()
}

#[tokio::test]
async fn each_fault_is_reported_by_the_cases_that_are_about_it_and_by_no_other() {
    let written: &[&str] = &["create: as documented", "update: as documented"];
    let all: &[&str] = &["create: as documented", "update: as documented", "delete: as documented"];
    let each_broken: &[&str] =
        &["create: a broken answer does no harm", "update: a broken answer does no harm"];
    let each_refused: &[&str] =
        &["create: a weight it does not believe", "update: a weight it does not believe"];
    for (fault, cases) in [
        (Fault::WrongId, written),
        (Fault::ValueAsSent, written),
        (Fault::AnotherKind, written),
        (Fault::WritesNothing, all),
        (Fault::WritesTwice, all),
        (Fault::CallsSomewhereElse, all),
        (Fault::EmptyId, each_broken),
        (
            Fault::RefusedTokenIsAnOutage,
            &["create: HTTP 401", "update: HTTP 401", "delete: HTTP 401"],
        ),
        (Fault::RefusedChangeIsAnOutage, each_refused),
        (Fault::ValueInTheReason, each_refused),
        (Fault::MissingIsUpdated, &["update: it is not there any more"]),
        (Fault::GoneIsForgotten, &["delete: as documented"]),
        (Fault::FindsNothing, &["find_existing: as documented"]),
        (Fault::FindsAnotherValue, &["find_existing: as documented"]),
        (Fault::ReadsOn, &["find_existing: pages without end do no harm"]),
    ] {
        let report = report(fault).await;
        assert_eq!(failed(&report), cases, "{fault:?}: {report}");
    }
}

#[tokio::test]
async fn a_partner_that_cannot_delete_what_is_not_there_is_reported() {
    let report = report(Fault::MissingCannotBeDeleted).await;
    assert!(failed(&report).contains(&"delete: as documented"), "{report}");
}

#[tokio::test]
async fn a_page_taken_for_a_deletion_is_reported() {
    let report = report(Fault::PageIsADeletion).await;
    assert!(failed(&report).contains(&"delete: HTTP 200 with a web page"), "{report}");
}

#[tokio::test]
async fn a_panic_on_a_bad_answer_is_reported() {
    let report = report(Fault::PanicsOnABadAnswer).await;
    let broken = report.failures.iter().filter(|it| it.case.ends_with("does no harm"));
    assert!(broken.filter(|it| it.message.contains("it panicked")).count() >= 2, "{report}");
    assert!(failed(&report).contains(&"create: HTTP 200 without a body"), "{report}");
}

#[tokio::test]
async fn an_outage_taken_for_an_empty_list_is_reported() {
    let report = report(Fault::FindsNothingInAnOutage).await;
    let failed = failed(&report);
    for case in ["HTTP 401", "HTTP 500", "HTTP 200 without a body", "HTTP 200 with a web page"] {
        assert!(failed.contains(&format!("find_existing: {case}").as_str()), "{case}: {report}");
    }
}

#[tokio::test]
async fn retries_of_the_partners_own_are_reported() {
    let report = report(Fault::TriesAgain).await;
    for act in ["create", "update", "delete"] {
        let about_retries = report.failures.iter().filter(|failure| {
            failure.case.starts_with(act) && failure.message.contains("retrying is the daemon's")
        });
        assert!(about_retries.count() >= 15, "{report}");
    }
}

#[tokio::test]
async fn fixtures_that_are_missing_are_reported() {
    let report = without_pushes(Pulsebox).report().await;
    assert_eq!(failed(&report), ["it has a fixture of each action"]);
    assert!(
        report.to_string().contains("create, update, delete, find_existing, refused"),
        "{report}"
    );

    let report = without_pushes(Pulsebox)
        .push("weight", weight().missing(Canned::text(410, "")))
        .report()
        .await;
    assert_eq!(failed(&report), Vec::<&str>::new(), "{report}");

    let unknown = weight().instead("HTTP 999", Expect::Gone);
    let report = without_pushes(Pulsebox).push("weight", unknown).report().await;
    assert_eq!(failed(&report), ["`instead` of \"HTTP 999\""]);
}

#[tokio::test]
async fn fixtures_that_cannot_be_read_are_reported() {
    let records = include_str!("fixtures/push_weight.json");
    for (wrong, message) in [
        ("{}", "missing field `data`"),
        (&records.replace("\"value\"", "\"vlaue\""), "not that of its kind"),
        (&records.replace("\"unit\": \"kg\"", "\"unit\": \"g\""), "not that of its kind"),
        (&records.replace("source_id", "id"), "no source_id"),
        (&records.replace("\"weight\"", "\"fat_mass\""), "of another kind"),
    ] {
        let report = suite(Pulsebox).push("weight", PushFixture::new(wrong)).report().await;
        let [failure] = report.failures.as_slice() else { panic!("{wrong}: {report}") };
        assert_eq!(failure.subject, "push weight 2");
        assert!(failure.message.contains(message), "{wrong}: {report}");
    }
    let report = suite(Pulsebox).push("bmi", weight()).report().await;
    let cases: Vec<&str> = report.failures.iter().map(|it| it.case.as_str()).collect();
    assert_eq!(cases, ["the kind of the fixture exists", "its fixture is read"], "{report}");
}

/// A partner with an invalid manifest.
struct Unsound(&'static Manifest);

#[async_trait]
impl Partner for Unsound {
    fn manifest(&self) -> &'static Manifest {
        self.0
    }

    async fn poll(&self, session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
        Pulsebox.poll(session, request).await
    }

    async fn external_user_id(
        &self,
        session: &Session,
        token: &Value,
    ) -> Result<String, PartnerError> {
        Pulsebox.external_user_id(session, token).await
    }
}

#[tokio::test]
async fn what_a_manifest_may_not_say_of_writing_is_reported() {
    let [good] = Pulsebox.manifest().push else { panic!("the sample writes one kind") };
    let good = *good;
    for (push, case) in [
        (vec![good, good], "each kind is pushed at most once"),
        (
            vec![Writable { batch: 0, ..good }],
            "what is pushed has a kind, and goes at least one at a time",
        ),
        (
            vec![Writable { kinds: &[], ..good }],
            "what is pushed has a kind, and goes at least one at a time",
        ),
        (
            vec![Writable { update: Update::Replace, delete: false, ..good }],
            "what is replaced can be deleted",
        ),
    ] {
        let sample = Pulsebox.manifest();
        let manifest = Box::leak(Box::new(Manifest {
            name: sample.name,
            title: sample.title,
            auth: sample.auth,
            api_url: sample.api_url,
            feeds: sample.feeds,
            push: push.leak(),
            limits: sample.limits,
            retry_wait: sample.retry_wait,
            backfill: sample.backfill,
            read_error: sample.read_error,
            read_limits: sample.read_limits,
            ended: sample.ended,
        }));
        let report = Conformance::new(Arc::new(Unsound(manifest))).report().await;
        let of_manifest = report.failures.iter().filter(|it| it.subject == "manifest");
        let cases: Vec<&str> = of_manifest.map(|it| it.case.as_str()).collect();
        assert_eq!(cases, [case], "{report}");
    }
}
