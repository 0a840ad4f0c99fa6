//! Cases of notifications: what is sent to our address, by the partner and by others.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::conformance::Conformance;
use super::harness::Harness;
use super::notification_fixture::{
    CLIENT_SECRET, ISSUED_SECRET, Incoming, NOTIFICATION_SECRET, NotificationFixture, Proof,
};
use super::report::Report;
use super::{mutate, subscriptions};
use crate::{About, Callback, Hint, Manifest, NotificationRules, Notifier, Received};

pub(super) const SUBJECT: &str = "notifications";

/// As long as the longest message that a partner is known to send, and as short as any answer.
const LONGEST_BODIES: std::ops::RangeInclusive<usize> = 256..=128 * 1024 * 1024;
const ANSWER_TIMES: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(500)..=Duration::from_secs(60);

const WRONG: &str = "conformance-some-other-secret";

pub(super) async fn run(harness: &Harness, suite: &Conformance, report: &mut Report) {
    let (fixture, notifier) = match (&suite.notifications, harness.partner.notifier()) {
        (None, None) => return,
        (Some(_), None) => {
            let message = "the partner has no notifier".to_owned();
            return report.case(SUBJECT, "its fixture has a notifier", Err(message));
        }
        (None, Some(_)) => {
            let message = "no notifications were given to the suite with `notifications`";
            return report.case(SUBJECT, "it has a fixture", Err(message.to_owned()));
        }
        (Some(fixture), Some(notifier)) => (fixture, notifier),
    };
    rules(notifier.rules(), harness.partner.manifest(), fixture, report);
    let reader = Reader { notifier, manifest: harness.partner.manifest() };
    let some = if fixture.notifications.is_empty() { Err("it has none".into()) } else { Ok(()) };
    report.case(SUBJECT, "its fixture has a notification", some);
    for (case, call, hints) in &fixture.notifications {
        report.case(SUBJECT, case, reader.expects(call, Received::Hints(hints.clone())));
        let forged = reader.forged(fixture, call);
        report.case(SUBJECT, &format!("{case}, forged"), forged);
        let mutated = reader.mutated(fixture, call);
        report.case(SUBJECT, &format!("{case}, with another body"), mutated);
    }
    for (case, call, answer) in &fixture.handshakes {
        report.case(SUBJECT, case, reader.expects(call, Received::Handshake(answer.clone())));
    }
    for (case, call, status) in &fixture.refused {
        report.case(SUBJECT, case, reader.refuses_with(call, *status));
    }
    report.case(SUBJECT, "other methods and empty calls do no harm", reader.odd_calls());
    subscriptions::run(harness, suite, fixture, report).await;
}

fn rules(
    rules: &NotificationRules,
    manifest: &Manifest,
    fixture: &NotificationFixture,
    report: &mut Report,
) {
    let mut check = |case: &str, holds: bool| {
        let outcome = if holds { Ok(()) } else { Err("it does not hold".to_owned()) };
        report.case(SUBJECT, case, outcome);
    };
    let topics = rules.topics;
    check("each topic has a name of its own", {
        let again = |(index, topic): (usize, &crate::Topic)| {
            topics.iter().skip(index + 1).any(|other| other.name == topic.name)
        };
        !topics.iter().enumerate().any(again) && topics.iter().all(|topic| !topic.name.is_empty())
    });
    let mut feeds = topics.iter().flat_map(|topic| topic.feeds);
    check("topics name feeds of the manifest", feeds.all(|feed| manifest.feed(feed).is_some()));
    check("some feed is announced", topics.iter().any(|topic| !topic.feeds.is_empty()));
    check("taken is a success", (200..300).contains(&rules.taken));
    check("answer_within is 0.5 s to a minute", ANSWER_TIMES.contains(&rules.answer_within));
    check("longest_body is 256 bytes to 128 MiB", LONGEST_BODIES.contains(&rules.longest_body));
    let mut bodies = fixture.notifications.iter().map(|(_, call, _)| call.body.len());
    check("its notifications are no longer", bodies.all(|length| length <= rules.longest_body));
}

/// The secrets and the time with which a call is read.
#[derive(Clone, Copy)]
struct With {
    client_secret: &'static str,
    secret: &'static str,
    issued_secret: Option<&'static str>,
    now: DateTime<Utc>,
}

impl With {
    fn right() -> Self {
        Self {
            client_secret: CLIENT_SECRET,
            secret: NOTIFICATION_SECRET,
            issued_secret: Some(ISSUED_SECRET),
            now: Harness::now(),
        }
    }

    fn later(by: TimeDelta) -> Self {
        Self { now: Harness::now() + by, ..Self::right() }
    }
}

struct Reader<'a> {
    notifier: &'a dyn Notifier,
    manifest: &'static Manifest,
}

impl Reader<'_> {
    /// Reads a call as the daemon does.
    fn read(&self, call: &Incoming, with: With) -> Result<Received, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &call.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
            {
                headers.append(name, value);
            }
        }
        let issued_secret = with.issued_secret.map(SecretString::from);
        let callback = Callback {
            method: &call.method,
            query: &call.query,
            headers: &headers,
            body: &call.body,
            client_secret: &SecretString::from(with.client_secret),
            secret: &SecretString::from(with.secret),
            issued_secret: issued_secret.as_ref(),
            now: with.now,
        };
        let read = catch_unwind(AssertUnwindSafe(|| self.notifier.read(&callback)));
        let received = read.map_err(|_| "it panicked".to_owned())?;
        self.is_sound(&received).map(|()| received)
    }

    /// Checks what holds for whatever is sent.
    fn is_sound(&self, received: &Received) -> Result<(), String> {
        match received {
            Received::Refused { status, why } => {
                if !(400..500).contains(status) || why.is_empty() {
                    return Err(format!("it is refused with {status}, because {why:?}"));
                }
            }
            Received::Handshake(answer) => {
                let body = answer.json.as_deref().unwrap_or("null");
                if serde_json::from_str::<Value>(body).is_err() {
                    return Err("the answer to its handshake is not JSON".to_owned());
                }
            }
            Received::Hints(hints) => {
                for Hint { external_user_id, about } in hints {
                    if external_user_id.is_empty() {
                        return Err("a hint is about nobody".to_owned());
                    }
                    let feeds = match about {
                        About::Changed(feeds) => feeds.clone(),
                        About::Data { feed, .. } => vec![*feed],
                        About::Access => Vec::new(),
                    };
                    if let Some(feed) = feeds.iter().find(|it| self.manifest.feed(it).is_none()) {
                        return Err(format!("a hint is about the feed {feed}, which is none"));
                    }
                }
            }
        }
        Ok(())
    }

    fn expects(&self, call: &Incoming, expected: Received) -> Result<(), String> {
        let received = self.read(call, With::right())?;
        if received == expected {
            return Ok(());
        }
        Err(format!("expected {expected:?}, got {received:?}"))
    }

    fn refuses_with(&self, call: &Incoming, expected: u16) -> Result<(), String> {
        match self.read(call, With::right())? {
            Received::Refused { status, .. } if status == expected => Ok(()),
            other => Err(format!("expected a refusal with {expected}, got {other:?}")),
        }
    }

    fn refuses(&self, what: &str, call: &Incoming, with: With) -> Result<(), String> {
        match self.read(call, with) {
            Ok(Received::Refused { .. }) => Ok(()),
            Ok(_) => Err(format!("it is taken although {what}")),
            Err(message) => Err(format!("{message}; {what}")),
        }
    }

    /// The call as somebody else could make it.
    fn forged(&self, fixture: &NotificationFixture, call: &Incoming) -> Result<(), String> {
        if fixture.proof == Proof::Address {
            return Ok(());
        }
        if call.headers.is_empty() {
            return Err("its headers are not in the fixture".to_owned());
        }
        let right = With::right();
        let wrong = With {
            client_secret: WRONG,
            secret: WRONG,
            issued_secret: Some(WRONG),
            now: Harness::now(),
        };
        self.refuses("the secrets are others", call, wrong)?;
        for name in call.headers.iter().map(|(name, _)| name) {
            let mut without = call.clone();
            without.headers.retain(|(known, _)| known != name);
            if !fixture.may_lack.contains(name) {
                self.refuses(&format!("it has no {name}"), &without, right)?;
            }
        }
        for (index, (name, value)) in call.headers.iter().enumerate() {
            for (place, changed) in flipped(value.as_bytes()) {
                let Ok(changed) = String::from_utf8(changed) else { continue };
                if HeaderValue::from_str(&changed).is_err() {
                    continue;
                }
                let mut other = call.clone();
                other.headers.splice(index..=index, [(name.clone(), changed)]);
                self.refuses(&format!("{name} differs at {place}"), &other, right)?;
            }
            for garbage in ["", "0", "99999999999999999999", "=", ",", "v1=,t="] {
                let mut other = call.clone();
                other.headers.splice(index..=index, [(name.clone(), garbage.to_owned())]);
                self.refuses(&format!("{name} is {garbage:?}"), &other, right)?;
            }
        }
        if fixture.proof == Proof::Signature {
            for (place, body) in flipped(&call.body) {
                let other = Incoming { body, ..call.clone() };
                self.refuses(&format!("its body differs at {place}"), &other, right)?;
            }
            for length in 0..call.body.len() {
                let mut other = call.clone();
                other.body.truncate(length);
                self.refuses(&format!("it ends after {length} bytes"), &other, right)?;
            }
        }
        self.is_valid_for(fixture.valid_for, call)
    }

    fn is_valid_for(&self, tolerance: Option<Duration>, call: &Incoming) -> Result<(), String> {
        let Some(tolerance) = tolerance.and_then(|it| TimeDelta::from_std(it).ok()) else {
            return Ok(());
        };
        for sign in [1, -1] {
            let within = tolerance * sign;
            let beyond = (tolerance + TimeDelta::seconds(1)) * sign;
            if let Received::Refused { why, .. } = self.read(call, With::later(within))? {
                return Err(format!("it is refused {within} later: {why}"));
            }
            self.refuses(&format!("it is {beyond} away"), call, With::later(beyond))?;
        }
        Ok(())
    }

    /// The partner's own call with any body: nothing panics.
    fn mutated(&self, fixture: &NotificationFixture, call: &Incoming) -> Result<(), String> {
        if fixture.proof == Proof::Signature && fixture.signer.is_none() {
            return Err("the fixture cannot sign other bodies: see `signed_by`".to_owned());
        }
        for (what, body) in mutations(&call.body) {
            let mut other = Incoming { body, ..call.clone() };
            if let Some(sign) = fixture.signer {
                other.headers = sign(&other.body)
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect();
            }
            let read = self.read(&other, With::right());
            read.map_err(|message| format!("{message}; {what}"))?;
        }
        // As the fixture has it, the body is taken: the signer signs as the partner does.
        if let Some(sign) = fixture.signer {
            let mut same = call.clone();
            let signed = sign(&same.body).into_iter();
            same.headers = signed.map(|(name, value)| (name.to_owned(), value)).collect();
            if let Received::Refused { why, .. } = self.read(&same, With::right())? {
                return Err(format!("signed by the fixture, it is refused: {why}"));
            }
        }
        Ok(())
    }

    fn odd_calls(&self) -> Result<(), String> {
        let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT];
        for method in methods {
            for body in ["", "{}", "\u{0}"] {
                let call = Incoming { method: method.clone(), ..Incoming::post(body) };
                if let Received::Hints(hints) = self.read(&call, With::right())?
                    && !hints.is_empty()
                {
                    return Err(format!("{method} of nothing has hints"));
                }
            }
        }
        Ok(())
    }
}

/// The bytes with each of them changed in turn, and where.
fn flipped(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
    (0..bytes.len()).map(|place| {
        let mut changed = bytes.to_vec();
        if let Some(byte) = changed.get_mut(place) {
            *byte ^= 1;
        }
        (place, changed)
    })
}

/// Other bodies, and what is special about them.
fn mutations(body: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = ["", "null", "{}", "[]", "0", "\"", "[{}]", "[null]"]
        .into_iter()
        .chain(["=&=&=%", "a=b", "<!doctype html>", "\u{feff}", "[[\"\"],{\"\":[{}]}]"])
        .map(|text| (format!("its body is {text:?}"), text.as_bytes().to_vec()))
        .collect();
    found.push(("its body is no text".to_owned(), b"\xff\xfe\x00{".to_vec()));
    found.push(("it is nested deeply".to_owned(), "[".repeat(50_000).into_bytes()));
    let cut = (0..body.len()).map(|length| {
        (format!("it ends after {length} bytes"), body.iter().take(length).copied().collect())
    });
    found.extend(cut);
    found.extend(flipped(body).map(|(place, it)| (format!("it differs at {place}"), it)));
    if let Ok(document) = serde_json::from_slice::<Value>(body) {
        let mut more = document.clone();
        mutate::add_unknown_fields(&mut more);
        found.push(("it has unknown fields".to_owned(), more.to_string().into_bytes()));
        let garbage = [json!(null), json!(""), json!([]), json!({}), json!(-1), json!(1e300)];
        for leaf in mutate::leaves(&document) {
            for value in &garbage {
                let mut changed = document.clone();
                if let Some(field) = changed.pointer_mut(&leaf) {
                    field.clone_from(value);
                }
                let what = format!("{leaf} replaced by {value}");
                found.push((what, changed.to_string().into_bytes()));
            }
        }
    }
    found
}
