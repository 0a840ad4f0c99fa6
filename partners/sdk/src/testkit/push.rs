//! Cases of writing: each action as documented, and the failures at each of its calls.

use serde_json::{Value, json};

use super::Expect;
use super::answers::every_partner;
use super::conformance::Conformance;
use super::expected::{self, Expected};
use super::feeds::{calls, stays_at_the_api};
use super::harness::Harness;
use super::items::GARBAGE_TEXT;
use super::push_fixture::{PushFixture, PushRecords, Script};
use super::report::Report;
use super::requests::are_as_documented;
use super::server::Canned;
use super::{hiccups, mutate};
use crate::{Action, PartnerError, PushRequest, Pushed, Update};

pub(super) async fn run(harness: &Harness, suite: &Conformance, report: &mut Report) {
    harness.tell(GARBAGE_TEXT);
    coverage(harness, suite, report);
    let mut seen: Vec<&str> = Vec::new();
    for (kind, fixture) in &suite.pushes {
        seen.push(kind);
        let subject = match seen.iter().filter(|other| *other == kind).count() {
            1 => format!("push {kind}"),
            number => format!("push {kind} {number}"),
        };
        match fixture.records() {
            Ok(records) if records.data.body.kind().name() == kind => {
                run_fixture(harness, suite, &subject, fixture, &records, report).await;
            }
            Ok(_) => {
                let message = "the data is of another kind".to_owned();
                report.case(&subject, "its fixture is read", Err(message));
            }
            Err(message) => report.case(&subject, "its fixture is read", Err(message)),
        }
    }
}

/// Checks that the fixtures of each kind cover exactly the actions that the manifest offers.
fn coverage(harness: &Harness, suite: &Conformance, report: &mut Report) {
    let manifest = harness.partner.manifest();
    for kind in manifest.push_kinds() {
        let Some(writable) = manifest.writable(kind) else { continue };
        let given: Vec<&PushFixture> = suite
            .pushes
            .iter()
            .filter(|(name, _)| name == kind.name())
            .map(|(_, fixture)| fixture)
            .collect();
        let has = |part: fn(&PushFixture) -> bool| given.iter().any(|fixture| part(fixture));
        let updates = writable.update == Update::InPlace;
        let wanted = [
            ("create", true, has(|fixture| fixture.create.is_some())),
            ("update", updates, has(|fixture| fixture.update.is_some())),
            ("delete", writable.delete, has(|fixture| fixture.delete.is_some())),
            ("find_existing", true, has(|fixture| fixture.find_existing.is_some())),
            ("refused", true, has(|fixture| !fixture.refused.is_empty())),
        ];
        let names = |wrong: fn(bool, bool) -> bool| {
            let names = wanted.iter().filter(|(_, offered, given)| wrong(*offered, *given));
            names.map(|(name, _, _)| *name).collect::<Vec<_>>().join(", ")
        };
        let (missing, surplus) =
            (names(|offered, given| offered && !given), names(|offered, given| !offered && given));
        let outcome = if !missing.is_empty() {
            Err(format!("not given to the suite with `push`: {missing}"))
        } else if !surplus.is_empty() {
            Err(format!("given, but the manifest does not offer it: {surplus}"))
        } else {
            Ok(())
        };
        report.case(&format!("push {kind}"), "it has a fixture of each action", outcome);
    }
    for (name, _) in &suite.pushes {
        if !manifest.push_kinds().iter().any(|kind| kind.name() == name) {
            let message = "the manifest does not offer to push this kind".to_owned();
            report.case(&format!("push {name}"), "the kind of the fixture exists", Err(message));
        }
    }
}

/// One action of a fixture.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Create,
    Update,
    Delete,
    FindExisting,
}

/// The result of an action.
enum Outcome {
    There(Value),
    Gone,
    Found(Vec<Value>),
}

struct Run<'run> {
    harness: &'run Harness,
    records: &'run PushRecords,
    act: Act,
    name: &'static str,
    script: &'run Script,
}

async fn run_fixture(
    harness: &Harness,
    suite: &Conformance,
    subject: &str,
    fixture: &PushFixture,
    records: &PushRecords,
    report: &mut Report,
) {
    for (case, _) in &fixture.overrides {
        let by_partner = suite.answers.iter().map(|(name, _, _)| name.as_str());
        let mut known = every_partner("").into_iter().map(|(name, _, _)| name).chain(by_partner);
        let known = known.any(|name| name == case);
        let outcome = if known { Ok(()) } else { Err("there is no such case".to_owned()) };
        report.case(subject, &format!("`instead` of {case:?}"), outcome);
    }
    for (act, name, script) in [
        (Act::Create, "create", &fixture.create),
        (Act::Update, "update", &fixture.update),
        (Act::Delete, "delete", &fixture.delete),
        (Act::FindExisting, "find_existing", &fixture.find_existing),
    ] {
        let Some(script) = script else { continue };
        let run = Run { harness, records, act, name, script };
        let done = run.as_documented().await;
        let documented = done.is_ok();
        report.case(subject, &format!("{name}: as documented"), done);
        // The cases that need it would only fail for the same reason.
        if !documented {
            continue;
        }
        let same = run.with_unknown_fields().await;
        report.case(subject, &format!("{name}: fields nobody knows change nothing"), same);
        let harmless = run.with_broken_answers().await;
        report.case(subject, &format!("{name}: a broken answer does no harm"), harmless);
        if act == Act::FindExisting {
            let ends = run.ends(suite).await;
            report.case(subject, "find_existing: pages without end do no harm", ends);
        }
        for (index, _) in script.answers.iter().enumerate() {
            for (case, answer, expect) in run.failures(index, suite, fixture) {
                let outcome = run.try_answer(index, answer, expect).await;
                report.case(subject, &run.case(index, &case), outcome);
            }
        }
    }
}

impl Run<'_> {
    fn case(&self, index: usize, case: &str) -> String {
        match self.script.answers.len() {
            1 => format!("{}: {case}", self.name),
            _ => format!("{}, call {}: {case}", self.name, index + 1),
        }
    }

    /// The outer error is a panic or a hang.
    async fn perform(&self, answers: Vec<Canned>) -> Result<Result<Outcome, PartnerError>, String> {
        self.harness.server.prepare(answers);
        let remote_ref = || self.records.remote_ref.clone();
        let request = PushRequest {
            action: match self.act {
                Act::Create | Act::FindExisting => Action::Create,
                Act::Update => Action::Update(remote_ref()),
                Act::Delete => Action::Delete(remote_ref()),
            },
            record: self.records.data.clone(),
            time_zone: self.harness.time_zone,
            now: Harness::now(),
        };
        if self.act == Act::FindExisting {
            let found = self.harness.find_existing(request).await?;
            let describe = |found: Vec<_>| found.iter().map(expected::describe).collect();
            return Ok(found.map(|found| Outcome::Found(describe(found))));
        }
        let pushed = self.harness.push(request).await?;
        Ok(pushed.map(|pushed| match pushed {
            Pushed::There(remote) => Outcome::There(expected::describe(&remote)),
            Pushed::Gone => Outcome::Gone,
        }))
    }

    async fn as_documented(&self) -> Result<(), String> {
        let permits_before = self.harness.permits();
        let outcome = self.perform(self.script.answers.clone()).await?;
        let received = self.harness.server.received();
        are_as_documented(&received, &self.script.requests)?;
        calls(self.harness, &received, self.harness.permits() - permits_before)?;
        if self.act == Act::FindExisting && !self.script.requests.is_empty() {
            self.records.find_existing_shows_it()?;
        }
        self.is_expected(&outcome.map_err(|error| error.to_string())?)
    }

    fn is_expected(&self, outcome: &Outcome) -> Result<(), String> {
        match (self.act, outcome) {
            (Act::Create | Act::Update, Outcome::There(found)) => {
                self.records.compare(found.clone())
            }
            (Act::Delete, Outcome::Gone) => Ok(()),
            (Act::FindExisting, Outcome::Found(found)) => {
                Expected::of(self.records.find_existing.clone()).compare(found, &[], &[])
            }
            (_, Outcome::There(_)) => Err("it says that the record is there".to_owned()),
            (_, _) => Err("it says that the record is gone".to_owned()),
        }
    }

    async fn with_unknown_fields(&self) -> Result<(), String> {
        let mut answers = self.script.answers.clone();
        for answer in &mut answers {
            if let Ok(mut body) = serde_json::from_str(&answer.body_text()) {
                mutate::add_unknown_fields(&mut body);
                *answer = answer.with_body(&body.to_string());
            }
        }
        let outcome = self.perform(answers).await?;
        self.is_expected(&outcome.map_err(|error| error.to_string())?)
    }

    /// Runs with each field and each of its own headers of every response broken in turn.
    async fn with_broken_answers(&self) -> Result<(), String> {
        for (index, answer) in self.script.answers.iter().enumerate() {
            for (what, broken) in broken(answer) {
                let mut answers = self.script.answers.clone();
                answers.splice(index..=index, [broken]);
                let outcome = self.perform(answers).await;
                let outcome = outcome.and_then(|outcome| self.is_harmless(outcome));
                outcome.map_err(|message| format!("{}: {message}", self.case(index, &what)))?;
            }
        }
        Ok(())
    }

    /// Looks up at a partner whose pages do not end.
    async fn ends(&self, suite: &Conformance) -> Result<(), String> {
        let kind = self.records.data.body.kind();
        let manifest = self.harness.partner.manifest();
        let is_of_kind =
            |name: &str| manifest.feed(name).is_some_and(|it| it.kinds.contains(&kind));
        for fixture in suite.feeds.iter().filter(|fixture| is_of_kind(&fixture.name)) {
            if let Some(page) = fixture.pages.first().and_then(|it| serde_json::from_str(it).ok()) {
                let outcome = self.perform(hiccups::pages_without_end(&page)).await?;
                let calls = self.harness.server.received().len();
                if calls > hiccups::MOST_CALLS {
                    return Err(format!("it made {calls} calls: use PageGuard::of_look_up"));
                }
                outcome.or_else(|error| {
                    self.harness.check_text(&error.to_string()).map(|()| Outcome::Gone)
                })?;
            }
        }
        Ok(())
    }

    fn is_harmless(&self, outcome: Result<Outcome, PartnerError>) -> Result<(), String> {
        self.harness.server.received().iter().try_for_each(stays_at_the_api)?;
        match outcome {
            Err(error) => self.harness.check_text(&error.to_string()),
            Ok(Outcome::There(record)) if record["source_id"] == "" => {
                Err("the record has an empty id".to_owned())
            }
            Ok(_) if self.act != Act::FindExisting && self.harness.server.asked_beyond() => {
                Err("it made further calls".to_owned())
            }
            Ok(_) => Ok(()),
        }
    }

    /// The failures to test at the call with this index.
    fn failures(
        &self,
        index: usize,
        suite: &Conformance,
        fixture: &PushFixture,
    ) -> Vec<(String, Canned, Meaning)> {
        let documented = self.script.answers.get(index).map(Canned::body_text).unwrap_or_default();
        let overrides = suite.overrides.iter().chain(&fixture.overrides);
        let mut failures = Vec::new();
        for (case, answer, expect) in every_partner(&documented) {
            let instead = overrides.clone().rfind(|(name, _)| name == case);
            let expect = instead.map_or(expect, |(_, expect)| *expect);
            failures.push((case.to_owned(), answer, Meaning::Error(expect)));
        }
        // Rejected requests have other meanings when writing, so those responses are skipped.
        let alike = |expect: Expect| !matches!(expect, Expect::Malformed | Expect::Success);
        for (case, answer, expect) in suite.answers.iter().filter(|(_, _, it)| alike(*it)) {
            let instead = fixture.overrides.iter().find(|(name, _)| name == case);
            let expect = instead.map_or(*expect, |(_, expect)| *expect);
            failures.push((case.clone(), answer.clone(), Meaning::Error(expect)));
        }
        if self.act == Act::Create {
            let answer = Canned::json(404, "{}");
            failures.push(("HTTP 404".to_owned(), answer, Meaning::AnyError));
        }
        let tells = fixture.missing_at.is_none_or(|call| call == index);
        if matches!(self.act, Act::Update | Act::Delete) && tells {
            let case = "it is not there any more".to_owned();
            failures.push((case, fixture.missing.clone(), Meaning::Gone));
        }
        if matches!(self.act, Act::Create | Act::Update) && index + 1 == self.script.answers.len() {
            for (case, answer) in &fixture.refused {
                let meaning = Meaning::Error(Expect::Rejected);
                failures.push((case.clone(), answer.clone(), meaning));
            }
        }
        failures
    }

    async fn try_answer(
        &self,
        index: usize,
        answer: Canned,
        meaning: Meaning,
    ) -> Result<(), String> {
        let before = self.script.answers.iter().take(index).cloned();
        let outcome = self.perform(before.chain([answer]).collect()).await?;
        if self.harness.server.asked_beyond() {
            return Err("it called again after the failure: retrying is the daemon's".to_owned());
        }
        if let Err(error) = &outcome {
            self.harness.check_text(&error.to_string())?;
        }
        match (meaning, outcome) {
            (Meaning::Gone, Ok(Outcome::Gone)) => Ok(()),
            (Meaning::Gone, Ok(_)) => Err("expected Gone, got a success".to_owned()),
            (Meaning::Gone, Err(error)) => Err(format!("expected Gone, got {error:?}")),
            (Meaning::AnyError, Ok(_)) => Err("expected an error, got Success".to_owned()),
            (Meaning::AnyError, Err(_)) => Ok(()),
            // A response without needed content may still be a success. Not so for
            // `find_existing`: what it does not find is written again.
            (Meaning::Error(Expect::NotUnderstood), Ok(outcome))
                if self.act != Act::FindExisting =>
            {
                let as_documented = self.is_expected(&outcome);
                as_documented.map_err(|message| format!("expected NotUnderstood, but {message}"))
            }
            (Meaning::Error(expect), outcome) => expect.check(&outcome),
        }
    }
}

#[derive(Clone, Copy)]
enum Meaning {
    Error(Expect),
    AnyError,
    Gone,
}

fn broken(answer: &Canned) -> Vec<(String, Canned)> {
    let mut found = Vec::new();
    if let Ok(body) = serde_json::from_str::<Value>(&answer.body_text()) {
        for leaf in mutate::leaves(&body) {
            for garbage in [json!(GARBAGE_TEXT), json!(null), json!({}), json!(i64::MAX), json!("")]
            {
                let mut changed = body.clone();
                if let Some(field) = changed.pointer_mut(&leaf) {
                    *field = garbage.clone();
                }
                let what = format!("{leaf} replaced by {garbage}");
                found.push((what, answer.with_body(&changed.to_string())));
            }
        }
    }
    for name in answer.own_headers() {
        for value in [None, Some(GARBAGE_TEXT), Some("/"), Some("")] {
            let what = format!("the header {name} replaced by {value:?}");
            found.push((what, answer.with_header(&name, value)));
        }
    }
    found
}
