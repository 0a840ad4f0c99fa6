//! One sync of one connection.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::{Feed, Partner, PartnerError, PollRequest, Session};
use tokio_util::sync::CancellationToken;

use super::pace::Pace;
use super::polling::{PageFailure, check_page, read_page};
use super::ports::{Job, Ledger, LedgerError, Refresher};
use super::report::{Failure, FeedReport, Outcome, Report};
use crate::clock::Clock;

/// An access token that dies sooner than this is renewed before it is used.
const REFRESH_AHEAD: TimeDelta = TimeDelta::seconds(60);

/// A wait for the partner's limit up to this long is sat out; a longer one ends the sync.
const PATIENCE: Duration = Duration::from_secs(60);

/// So often a sync sits out a limit.
const WAITS: u32 = 3;

/// More pages than this in one feed of one sync are a partner's endless loop.
const MOST_PAGES: u32 = 10_000;

/// What a sync runs with.
pub struct Run {
    /// The partner.
    pub partner: Arc<dyn Partner>,
    /// Calls to it, without an access token yet.
    pub session: Session,
    /// Where what it brings is kept.
    pub ledger: Arc<dyn Ledger>,
    /// Where new tokens come from.
    pub refresher: Arc<dyn Refresher>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Shared with the session's gate.
    pub pace: Arc<Pace>,
    /// Stops it: a page being read is given up, a call waiting for its permit is not made, but new
    /// tokens under way are waited for.
    pub cancel: CancellationToken,
    /// How long reading one page may take, waits for permits not counted.
    pub page_timeout: Duration,
    /// How far back a first sync reads.
    pub backfill: TimeDelta,
}

/// Runs a sync to its end; whatever happens stands in the report.
pub async fn run(with: &Run, job: &mut Job) -> Report {
    let mut report = Report::default();
    let mut sync = Sync { with, refreshed: false };
    if sync.expires_soon(job)
        && let Err(failure) = sync.refresh(job).await
    {
        report.error = Some(failure);
        return report;
    }
    for feed in with.partner.manifest().feeds {
        if job.properties.wanted(feed).is_empty() {
            continue;
        }
        let mut feed_report = FeedReport::new(feed.name);
        feed_report.error = sync.read_feed(job, feed, &mut feed_report).await.err();
        let goes_on = feed_report.error.as_ref().is_none_or(|failure| {
            // What concerns the whole connection would only repeat itself with the next feed.
            matches!(failure.outcome, Outcome::Ok | Outcome::Failed) && failure.code != "store"
        });
        report.feeds.push(feed_report);
        if !goes_on {
            break;
        }
    }
    report.refreshed = sync.refreshed;
    report
}

struct Sync<'a> {
    with: &'a Run,
    refreshed: bool,
}

impl Sync<'_> {
    fn now(&self) -> DateTime<Utc> {
        self.with.clock.now()
    }

    fn expires_soon(&self, job: &Job) -> bool {
        let soon = self.now() + REFRESH_AHEAD;
        job.tokens.refresh.is_some() && job.tokens.access_expires_at.is_some_and(|at| at <= soon)
    }

    /// Gets new tokens and keeps them before their first use.
    async fn refresh(&mut self, job: &mut Job) -> Result<(), Failure> {
        let Some(refresh_token) = &job.tokens.refresh else {
            return Err(reconnect("the access token is not accepted any more"));
        };
        // Not stopped by `cancel`: an answer that is not kept may be a connection lost.
        let refreshed =
            self.with.refresher.refresh(&self.with.session, refresh_token, self.now()).await;
        let tokens = refreshed.map_err(|error| match error {
            PartnerError::Unauthorized(_) => {
                reconnect("the refresh token is not accepted any more")
            }
            error => self.partner_failure(&error),
        })?;
        let kept = self.with.ledger.save_tokens(job.connection.id, tokens.clone()).await;
        kept.map_err(store_failure)?;
        job.tokens = tokens;
        self.refreshed = true;
        Ok(())
    }

    async fn read_feed(
        &mut self,
        job: &mut Job,
        feed: &'static Feed,
        report: &mut FeedReport,
    ) -> Result<(), Failure> {
        let wanted = job.properties.wanted(feed);
        let is_first = !job.cursors.contains_key(feed.name);
        let mut request = PollRequest {
            feed,
            cursor: job.cursors.get(feed.name).cloned(),
            page: None,
            backfill_from: self.now() - self.with.backfill,
            now: self.now(),
            time_zone: job.properties.time_zone(),
        };
        let mut seen_groups = HashSet::new();
        let name = self.with.partner.manifest().name;
        while report.pages < MOST_PAGES {
            self.with.pace.set_backfilling(is_first && request.page.is_some());
            let mut page = match self.read_authorized(job, &request).await {
                Ok(page) => page,
                Err(PageFailure::Partner(PartnerError::MissingScope(detail))) => {
                    let error = PartnerError::MissingScope(detail);
                    let kept =
                        self.with.ledger.switch_off(job.connection.id, wanted, error.to_string());
                    kept.await.map_err(store_failure)?;
                    return Err(Failure::from(&error));
                }
                Err(failure) => return Err(self.describe(failure)),
            };
            let next_page = page.next_page.take();
            let to_save =
                check_page(page, job, &wanted, &mut seen_groups, report, name, request.now);
            report.add(self.with.ledger.save_page(to_save).await.map_err(store_failure)?);
            if next_page.is_none() {
                return Ok(());
            }
            request.page = next_page;
        }
        Err(Failure::new("malformed", "the partner's pages do not end", Outcome::Failed))
    }

    /// Reads a page, renewing the tokens once and sitting out short limits.
    async fn read_authorized(
        &mut self,
        job: &mut Job,
        request: &PollRequest,
    ) -> Result<partner_sdk::Page, PageFailure> {
        let mut waits = 0;
        loop {
            let session = self.with.session.with_access_token(job.tokens.access.clone());
            let read = read_page(
                Arc::clone(&self.with.partner),
                session,
                PollRequest { now: self.now(), ..request.clone() },
                &self.with.pace,
                self.with.page_timeout,
                &self.with.cancel,
            );
            match read.await {
                Err(PageFailure::Partner(PartnerError::Unauthorized(_)))
                    if !self.refreshed && job.tokens.refresh.is_some() =>
                {
                    self.refresh(job).await.map_err(PageFailure::Refresh)?;
                }
                Err(PageFailure::Partner(PartnerError::RateLimited { wait, .. }))
                    if waits < WAITS
                        && wait.unwrap_or(self.with.partner.manifest().retry_wait) <= PATIENCE =>
                {
                    waits += 1;
                }
                other => return other,
            }
        }
    }

    /// A call that failed because the sync was stopped says nothing of the partner.
    fn partner_failure(&self, error: &PartnerError) -> Failure {
        match error {
            PartnerError::Transient(_) if self.with.cancel.is_cancelled() => interrupted(),
            error => Failure::from(error),
        }
    }

    fn describe(&self, failure: PageFailure) -> Failure {
        match failure {
            PageFailure::Partner(PartnerError::Unauthorized(_)) => {
                reconnect("the access token is not accepted any more")
            }
            PageFailure::Partner(error) => self.partner_failure(&error),
            PageFailure::Refresh(failure) => failure,
            PageFailure::TookTooLong => {
                let limit = humantime::format_duration(self.with.page_timeout);
                Failure::new(
                    "timeout",
                    format!("reading a page took longer than {limit}"),
                    Outcome::Failed,
                )
            }
            PageFailure::Panicked => {
                let message = "the partner's code panicked; the log has the place";
                Failure::new("panic", message, Outcome::Failed)
            }
            PageFailure::Interrupted => interrupted(),
        }
    }
}

fn reconnect(what: &str) -> Failure {
    let message = format!("{what}; the user must connect again");
    Failure::new("unauthorized", message, Outcome::NeedsReconnect)
}

fn interrupted() -> Failure {
    Failure::new("interrupted", "stopped to make room; it runs again", Outcome::Interrupted)
}

fn store_failure(error: LedgerError) -> Failure {
    Failure::new("store", format!("what was fetched could not be stored: {error}"), Outcome::Failed)
}
