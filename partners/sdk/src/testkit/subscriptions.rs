//! Cases of subscriptions: the calls that make, mend and end them.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::Expect;
use super::answers::every_partner;
use super::conformance::Conformance;
use super::feeds::stays_at_the_api;
use super::harness::{ACCESS_TOKEN, Harness, guarded};
use super::notification_fixture::{
    CLIENT_SECRET, CallScript, NOTIFICATION_SECRET, NotificationFixture,
};
use super::notifications::SUBJECT;
use super::report::Report;
use super::server::{Canned, Received};
use crate::{
    Credentials, Partner, PartnerError, Session, Subscribed, Subscribing, SubscriptionRequest,
};

/// Our address in the suite.
const ADDRESS: &str = "https://syncwell.example.net/notifications";
const ADDRESS_SECRET: &str = "conformance-address-8e51a0";

/// Where the harness sends token calls.
const TOKEN_HOST: &str = "http://accounts.partner.test/token";

pub(super) async fn run(
    harness: &Harness,
    suite: &Conformance,
    fixture: &NotificationFixture,
    report: &mut Report,
) {
    let subscriber = Subscriber { harness, fixture };
    let Some(style) = harness.partner.notifier().map(|it| it.rules().subscribing) else { return };
    if style == Subscribing::InConsole {
        let called = fixture.subscribe.is_some() || fixture.unsubscribe.is_some();
        let outcome = if called { Err("it is done by hand".to_owned()) } else { Ok(()) };
        return report.case(SUBJECT, "nothing is subscribed by calls", outcome);
    }
    harness.tell(NOTIFICATION_SECRET);
    harness.tell(ADDRESS_SECRET);
    let lacking = |what: &str| Err(format!("its calls were not given to the suite with `{what}`"));
    let Some(first) = &fixture.subscribe else {
        return report.case(SUBJECT, "it subscribes", lacking("subscribe"));
    };
    let subscribed = subscriber.performs(first, Act::Subscribe(None)).await;
    let state = subscribed.as_ref().ok().and_then(|it| it.state.clone());
    report.case(SUBJECT, &first.case, subscribed.map(drop));
    match &fixture.again {
        None => report.case(SUBJECT, "it does not subscribe twice", lacking("again")),
        Some(again) => {
            let outcome = subscriber.performs(again, Act::Subscribe(state.clone())).await;
            let fewer = if again.requests.len() < first.requests.len() {
                Ok(())
            } else {
                Err("it makes as many calls as at first".to_owned())
            };
            report.case(SUBJECT, &again.case, outcome.and(fewer));
        }
    }
    if fixture.repairs.is_empty() {
        report.case(SUBJECT, "it mends what was removed", lacking("repair"));
    }
    for repair in &fixture.repairs {
        let outcome = subscriber.performs(repair, Act::Subscribe(state.clone())).await;
        report.case(SUBJECT, &repair.case, outcome.map(drop));
    }
    match &fixture.unsubscribe {
        None => report.case(SUBJECT, "it unsubscribes", lacking("unsubscribe")),
        Some(script) => {
            let outcome = subscriber.performs(script, Act::Unsubscribe(state.clone())).await;
            report.case(SUBJECT, &script.case, outcome.map(drop));
            subscriber.fails(script, &Act::Unsubscribe(state), suite, report).await;
        }
    }
    subscriber.fails(first, &Act::Subscribe(None), suite, report).await;
    for (case, answers, expect) in &fixture.failures {
        let outcome = subscriber.try_failure(answers, answers.len(), *expect).await;
        report.case(SUBJECT, case, outcome);
    }
}

/// What is done, with the state of the last subscription.
#[derive(Clone, Debug)]
enum Act {
    Subscribe(Option<String>),
    Unsubscribe(Option<String>),
}

struct Subscriber<'a> {
    harness: &'a Harness,
    fixture: &'a NotificationFixture,
}

impl Subscriber<'_> {
    fn session(&self, partner: &dyn Partner) -> Session {
        let style = partner.notifier().map(|notifier| notifier.rules().subscribing);
        let session = match style {
            Some(Subscribing::PerConnection) => self.harness.connected(),
            _ => self.harness.session.clone(),
        };
        let service_account = self.fixture.service_account.clone().map(SecretString::from);
        session.with_credentials(Credentials { service_account, ..session.credentials().clone() })
    }

    /// Does it against these responses; the outer error is a panic or a hang.
    async fn perform(
        &self,
        act: &Act,
        answers: Vec<Canned>,
    ) -> Result<Result<Subscribed, PartnerError>, String> {
        self.harness.server.prepare(answers);
        let partner = Arc::clone(&self.harness.partner);
        let session = self.session(&*partner);
        let rules = partner.notifier().map(|notifier| notifier.rules().subscribing);
        let is_ones = rules == Some(Subscribing::PerConnection);
        let (Act::Subscribe(state) | Act::Unsubscribe(state)) = act;
        let request = SubscriptionRequest {
            url: format!("{ADDRESS}/{}/{ADDRESS_SECRET}", partner.manifest().name),
            secret: SecretString::from(NOTIFICATION_SECRET),
            connection: is_ones.then(|| "k7f3q9x2".to_owned()),
            state: state.clone(),
            now: Harness::now(),
        };
        let ends = matches!(act, Act::Unsubscribe(_));
        guarded(async move {
            let Some(notifier) = partner.notifier() else { return Ok(Subscribed::default()) };
            if ends {
                notifier.unsubscribe(&session, &request).await.map(|()| Subscribed::default())
            } else {
                notifier.subscribe(&session, &request).await
            }
        })
        .await
    }

    async fn performs(&self, script: &CallScript, act: Act) -> Result<Subscribed, String> {
        let permits = self.harness.permits();
        let outcome = self.perform(&act, script.answers.clone()).await?;
        let received = self.harness.server.received();
        // What is not as documented says more than what a further call failed with.
        let as_documented = super::requests::are_as_documented(&received, &script.requests);
        let subscribed = match outcome {
            Ok(subscribed) => as_documented.map(|()| subscribed)?,
            Err(_) if self.harness.server.asked_beyond() => {
                return as_documented.map(|()| Subscribed::default());
            }
            Err(error) => return Err(error.to_string()),
        };
        received.iter().try_for_each(|call| self.is_clean(call))?;
        if self.harness.permits() - permits != received.len() {
            return Err("a call has no permit of its own".to_owned());
        }
        if subscribed.expires_at.is_some_and(|at| at <= Harness::now()) {
            return Err("the subscription has ended already".to_owned());
        }
        if let Some(secret) = &subscribed.issued_secret {
            self.harness.tell(secret.expose_secret());
        }
        Ok(subscribed)
    }

    /// Checks where a call goes, and that it has no secret in its address.
    fn is_clean(&self, call: &Received) -> Result<(), String> {
        if call.target != TOKEN_HOST {
            stays_at_the_api(call)?;
        }
        let mut secrets = vec![ACCESS_TOKEN, NOTIFICATION_SECRET];
        secrets.extend((!self.fixture.is_secret_in_urls).then_some(CLIENT_SECRET));
        match secrets.into_iter().any(|secret| call.target.contains(secret)) {
            true => Err("a call has a secret in its address".to_owned()),
            false => Ok(()),
        }
    }

    /// Each call fails in each of the ways that every partner is tested with.
    async fn fails(
        &self,
        script: &CallScript,
        act: &Act,
        suite: &Conformance,
        report: &mut Report,
    ) {
        for index in 0..script.answers.len() {
            let is_token = script.requests.get(index).is_some_and(|it| it.contains(TOKEN_HOST));
            for (case, answer, expect) in self.failures(script, index, is_token, suite) {
                let mut answers = script.answers.clone();
                answers.splice(index..=index, [answer]);
                let outcome = self.perform(act, answers).await;
                let outcome = outcome.and_then(|outcome| self.means(&outcome, index + 1, expect));
                let name = format!("{}, {case} at call {}", script.case, index + 1);
                report.case(SUBJECT, &name, outcome);
            }
        }
    }

    fn failures(
        &self,
        script: &CallScript,
        index: usize,
        is_token: bool,
        suite: &Conformance,
    ) -> Vec<(String, Canned, Expect)> {
        let documented = script.answers.get(index).map(Canned::body_text).unwrap_or_default();
        let overrides = suite.overrides.iter().chain(&self.fixture.instead);
        let general = every_partner(&documented).into_iter().map(|(case, answer, expect)| {
            let instead = overrides.clone().rfind(|(name, _)| name == case);
            let expect = instead.map_or(expect, |(_, expect)| *expect);
            // A token call that names no error says nothing about the account.
            let unnamed = is_token && expect == Expect::Unauthorized;
            (case.to_owned(), answer, if unnamed { Expect::Transient } else { expect })
        });
        let own = suite.answers.iter().filter(|(_, _, expect)| {
            let alike = matches!(expect, Expect::Unauthorized | Expect::RateLimited(..));
            alike && !is_token
        });
        general.chain(own.cloned()).collect()
    }

    /// Compares an outcome. After a failure no further call is made; a response whose content is
    /// not needed may also count as a success.
    fn means(
        &self,
        outcome: &Result<Subscribed, PartnerError>,
        calls: usize,
        expect: Expect,
    ) -> Result<(), String> {
        if let Err(error) = outcome {
            self.harness.check_text(&error.to_string())?;
            if self.harness.server.received().len() > calls {
                return Err("it called again after the failure".to_owned());
            }
        }
        match outcome {
            Ok(_) if expect == Expect::NotUnderstood => Ok(()),
            _ => expect.check(outcome),
        }
    }

    async fn try_failure(
        &self,
        answers: &[Canned],
        calls: usize,
        expect: Expect,
    ) -> Result<(), String> {
        let outcome = self.perform(&Act::Subscribe(None), answers.to_vec()).await?;
        self.means(&outcome, calls, expect)
    }
}
