//! The suite: its inputs from a partner, and the run.

use std::sync::Arc;

use chrono_tz::Tz;
use serde_json::Value;

use super::harness::Harness;
use super::report::Report;
use super::server::{Canned, Details};
use super::{
    Expect, NotificationFixture, PushFixture, answers, feeds, manifest, mutate, notifications,
    push, tokens,
};
use crate::{Auth, Partner};

/// The conformance suite of one partner. See the [module](super).
#[must_use = "nothing is tested before `run`"]
pub struct Conformance {
    pub(super) partner: Arc<dyn Partner>,
    pub(super) time_zone: Tz,
    pub(super) feeds: Vec<FeedFixture>,
    pub(super) token: Option<TokenFixture>,
    pub(super) token_failures: Vec<(String, Canned, Expect)>,
    pub(super) answers: Vec<(String, Canned, Expect)>,
    pub(super) overrides: Vec<(String, Expect)>,
    pub(super) revoke: Option<RevokeFixture>,
    pub(super) pushes: Vec<(String, PushFixture)>,
    pub(super) notifications: Option<NotificationFixture>,
}

pub(super) struct FeedFixture {
    pub(super) name: String,
    pub(super) pages: Vec<String>,
    pub(super) expected: String,
    pub(super) items_at: Option<String>,
    pub(super) resumes_with: Vec<String>,
    pub(super) details: Details,
    pub(super) resumed: Option<ResumeFixture>,
}

impl FeedFixture {
    /// Checks that there are pages to run the suite with.
    fn written(fixture: Option<&Self>, feed: &str) -> Result<(), String> {
        let pages = fixture.map(|fixture| fixture.pages.as_slice()).unwrap_or_default();
        if pages.is_empty() {
            return Err("no pages were given to the suite with `feed`".to_owned());
        }
        match pages.iter().position(|page| page.trim().is_empty()) {
            None => Ok(()),
            Some(empty) => Err(format!(
                "page {0} is empty: write what the partner answers, by its documentation \
                 (fixtures/{feed}-{0}.json)",
                empty + 1
            )),
        }
    }
}

pub(super) struct ResumeFixture {
    pub(super) pages: Vec<String>,
    pub(super) requests: Vec<String>,
    pub(super) expected: String,
}

pub(super) struct TokenFixture {
    pub(super) answer: String,
    pub(super) user_id: String,
    pub(super) further_answers: Vec<Canned>,
}

pub(super) struct RevokeFixture {
    pub(super) answers: Vec<Canned>,
    pub(super) requests: Vec<String>,
}

impl std::fmt::Debug for Conformance {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Conformance").finish_non_exhaustive()
    }
}

impl Conformance {
    /// The suite for `partner`, without fixtures yet.
    pub fn new(partner: Arc<dyn Partner>) -> Self {
        Self {
            partner,
            time_zone: Tz::UTC,
            feeds: Vec::new(),
            token: None,
            token_failures: Vec::new(),
            answers: Vec::new(),
            overrides: Vec::new(),
            revoke: None,
            pushes: Vec::new(),
            notifications: None,
        }
    }

    /// The user's time zone, for partners that report wall time only; UTC by default.
    pub fn time_zone(self, time_zone: Tz) -> Self {
        Self { time_zone, ..self }
    }

    /// A successful token response (JSON; with OAuth 1.0a a form) and the external user id that
    /// results from it.
    pub fn token_reply(mut self, answer: &str, user_id: &str) -> Self {
        self.token = Some(TokenFixture {
            answer: answer.to_owned(),
            user_id: user_id.to_owned(),
            further_answers: Vec::new(),
        });
        self
    }

    /// The responses to the calls that look up the external user id; after
    /// [`Conformance::token_reply`].
    pub fn user_answers(mut self, answers: &[Canned]) -> Self {
        if let Some(token) = &mut self.token {
            token.further_answers = answers.to_vec();
        }
        self
    }

    /// The response of a failed token call and its meaning. At least one must be
    /// [`Expect::Unauthorized`]: the response to a refresh token that is no longer valid.
    pub fn token_failure(mut self, case: &str, answer: Canned, expect: Expect) -> Self {
        self.token_failures.push((case.to_owned(), answer, expect));
        self
    }

    /// The pages of a feed as the partner sends them, in order, and the expected records. The sync
    /// takes place at 2026-03-04T12:00:00Z; every kind of the feed must occur.
    pub fn feed(mut self, name: &str, pages: &[&str], expected: &str) -> Self {
        self.feeds.push(FeedFixture {
            name: name.to_owned(),
            pages: pages.iter().map(|page| (*page).to_owned()).collect(),
            expected: expected.to_owned(),
            items_at: None,
            resumes_with: Vec::new(),
            details: Details::default(),
            resumed: None,
        });
        self
    }

    /// The JSON pointer to the items in the pages of the last added feed. By default the list of
    /// objects closest to the root.
    pub fn items_at(mut self, pointer: &str) -> Self {
        if let Some(feed) = self.feeds.last_mut() {
            feed.items_at = Some(pointer.to_owned());
        }
        self
    }

    /// What the URL or the body of a call must contain when the last added feed is polled from the
    /// cursor at the end of its pages.
    pub fn resumes_with(mut self, text: &str) -> Self {
        if let Some(feed) = self.feeds.last_mut() {
            feed.resumes_with.push(text.to_owned());
        }
        self
    }

    /// Single items of the last added feed, for partners that fetch each item separately: paths
    /// below the API URL, all beginning with `below`, and their responses. Calls for them use up no
    /// pages, in whatever order they come. A path that is not given gets a 404.
    pub fn details(mut self, below: &str, items: &[(&str, &str)]) -> Self {
        if let Some(feed) = self.feeds.last_mut() {
            let items =
                items.iter().map(|(path, body)| ((*path).to_owned(), Canned::json(200, *body)));
            feed.details = Details { below: below.to_owned(), items: items.collect() };
        }
        self
    }

    /// A sync from that cursor, if its responses differ from those of the first sync: the
    /// responses, what each call must contain (as in a [`PushFixture`]), and the expected records.
    pub fn resumed(mut self, pages: &[&str], requests: &[&str], expected: &str) -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        if let Some(feed) = self.feeds.last_mut() {
            let (pages, requests) = (owned(pages), owned(requests));
            feed.resumed = Some(ResumeFixture { pages, requests, expected: expected.to_owned() });
        }
        self
    }

    /// A response of the data API in the partner's own convention, and its meaning.
    pub fn answer(mut self, case: &str, answer: Canned, expect: Expect) -> Self {
        self.answers.push((case.to_owned(), answer, expect));
        self
    }

    /// A different meaning of a response that every partner is tested with, if the partner
    /// documents one. `case` is the name in the report.
    pub fn instead(mut self, case: &str, expect: Expect) -> Self {
        self.overrides.push((case.to_owned(), expect));
        self
    }

    /// The responses to the calls of a revocation, and what the URL or body of each must contain.
    pub fn revoke(mut self, answers: &[Canned], requests: &[&str]) -> Self {
        let requests = requests.iter().map(|text| (*text).to_owned()).collect();
        self.revoke = Some(RevokeFixture { answers: answers.to_vec(), requests });
        self
    }

    /// A record of a kind that can be pushed, and the calls that write it. A kind may have several
    /// fixtures; together they must cover each action that the manifest offers.
    pub fn push(mut self, kind: &str, fixture: PushFixture) -> Self {
        self.pushes.push((kind.to_owned(), fixture));
        self
    }

    /// The partner's notifications, and the calls that subscribe to them.
    pub fn notifications(self, fixture: NotificationFixture) -> Self {
        Self { notifications: Some(fixture), ..self }
    }

    /// Runs every case.
    ///
    /// # Panics
    /// With the list of failed cases, if there are any.
    #[expect(clippy::panic, reason = "this is how a test fails")]
    pub async fn run(self) {
        let report = self.report().await;
        if !report.failures.is_empty() {
            panic!("{report}");
        }
    }

    /// Runs every case and returns the outcome.
    pub async fn report(self) -> Report {
        let manifest = self.partner.manifest();
        let mut report = Report::new(manifest.name);
        manifest::run(manifest, &mut report);
        let telling = self.telling_values();
        let harness = match Harness::start(Arc::clone(&self.partner), self.time_zone, telling).await
        {
            Ok(harness) => harness,
            Err(message) => {
                report.case("suite", "it can be run", Err(message));
                return report;
            }
        };
        tokens::run(&harness, &self, &mut report).await;
        for feed in manifest.feeds {
            let fixture = self.feeds.iter().find(|fixture| fixture.name == feed.name);
            let pages = FeedFixture::written(fixture, feed.name);
            let written = pages.is_ok();
            report.case(feed.name, "it has a fixture", pages);
            if let (Some(fixture), false) = (fixture, written) {
                feeds::expected_are_written(feed, fixture, &mut report);
            }
            if let (Some(fixture), true) = (fixture, written) {
                harness.server.set_details(fixture.details.clone());
                feeds::run(&harness, feed, fixture, &mut report).await;
                answers::run(&harness, feed, fixture, &self, &mut report).await;
                harness.server.set_details(Details::default());
            }
        }
        push::run(&harness, &self, &mut report).await;
        notifications::run(&harness, &self, &mut report).await;
        for fixture in &self.feeds {
            let known = manifest.feed(&fixture.name).map(drop);
            let unknown = || "the manifest has no such feed".to_owned();
            report.case(&fixture.name, "the feed of the fixture exists", known.ok_or_else(unknown));
        }
        report
    }

    fn telling_values(&self) -> Vec<String> {
        let mut found = Vec::new();
        let resumed = |feed: &FeedFixture| {
            feed.resumed.iter().flat_map(|it| it.pages.clone()).collect::<Vec<_>>()
        };
        let pages = self.feeds.iter().flat_map(|feed| [feed.pages.clone(), resumed(feed)].concat());
        let details = self.feeds.iter().flat_map(|feed| &feed.details.items);
        let pages = pages.chain(details.map(|(_, answer)| answer.body_text()));
        let tokens = self.token.iter().map(|token| token.answer.clone());
        let pushes = self.pushes.iter().flat_map(|(_, fixture)| fixture.documents());
        for text in pages.chain(tokens).chain(pushes) {
            if let Ok(fixture) = serde_json::from_str::<Value>(&text) {
                mutate::telling_values(&fixture, &mut found);
            }
        }
        if let (Auth::OAuth1(_), Some(token)) = (self.partner.manifest().auth, &self.token) {
            let form = url::form_urlencoded::parse(token.answer.as_bytes());
            found.extend(form.map(|(_, value)| value.into_owned()).filter(|it| it.len() >= 12));
        }
        found
    }
}
