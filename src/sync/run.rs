//! One sync of one connection: resolves what was begun, polls what is new there, pushes what waits
//! here.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::{Kind, Partner, PartnerError, Session};
use tokio_util::sync::CancellationToken;

use super::active_timeout::ActiveTimeout;
use super::items::ItemState;
use super::ports::{Job, Ledger, LedgerError, Refresher, Waiting};
use super::report::{Failure, FeedReport, PushReport, Report};
use super::traffic::Purpose;
use crate::clock::Clock;
use crate::model::{Cause, Connection, Direction, ExerciseEnergy, FailureCode, SyncOutcome};

/// An access token that expires sooner than this is refreshed before it is used.
const REFRESH_AHEAD: TimeDelta = TimeDelta::seconds(60);

/// A connection whose new access tokens are all refused for this long needs reconnecting.
const REFUSED_FOR_GOOD: TimeDelta = TimeDelta::days(1);

/// The same where tokens cannot be renewed: without a refresh that works, little speaks for the grant.
const REFUSED_UNRENEWED: TimeDelta = TimeDelta::minutes(10);

/// How many waiting items are loaded together.
pub(super) const CHUNK: u32 = 100;

/// What a sync runs with.
pub struct SyncContext {
    /// The partner.
    pub partner: Arc<dyn Partner>,
    /// The session for calls to it, without an access token yet.
    pub session: Session,
    /// Stores what it brings.
    pub ledger: Arc<dyn Ledger>,
    /// Gets new tokens.
    pub refresher: Arc<dyn Refresher>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Shared with the session's gate.
    pub timeout: Arc<ActiveTimeout>,
    /// Stops it: a call in progress is abandoned, a call waiting for its permit is not made, but a
    /// refresh in progress is waited for.
    pub cancel: CancellationToken,
    /// How long reading one page or pushing one change may take, not counting waits for permits.
    pub page_timeout: Duration,
    /// How long a partner may take to act on a call whose caller is gone.
    pub late_calls: TimeDelta,
    /// How far back a first sync reads.
    pub backfill: TimeDelta,
    /// After which time a kind that was switched off here is tried again.
    pub retry_switched_off: Duration,
    /// Whether exercises must have their energy.
    pub exercise_energy: ExerciseEnergy,
    /// Why it runs.
    pub cause: Cause,
    /// Whether a person connected or asked for it: then it looks as far back as it can.
    pub is_asked: bool,
    /// Whether a person asked for it, and waits for what is new.
    pub is_requested: bool,
    /// Whether what was announced and is not found is looked for far back: it may be a deletion, or a
    /// change of something old.
    pub looks_wide: bool,
    /// Whether every feed is polled; otherwise only what must be known before changes are pushed.
    pub polls: bool,
}

/// Runs a sync to its end; the report says what happened.
pub async fn run(with: &SyncContext, job: &mut Job) -> Report {
    let mut report = Report { polled: with.polls, ..Report::default() };
    let mut sync = SyncRun {
        with,
        refreshed_at: None,
        refused: false,
        tried_again: Vec::new(),
        looks_wide_now: false,
    };
    let done = sync.run(job, &mut report).await;
    report.error = done.err();
    report.refreshed = sync.refreshed_at.is_some();
    report.refused = sync.refused;
    (report.calls, report.limits) = with.timeout.traffic().totals();
    let renewable = job.tokens.refresh.is_some();
    if report.error.is_none()
        && is_refused_for_good(&report, &job.connection, renewable, sync.now())
    {
        let why = if renewable {
            "every new access token has been refused for a day"
        } else {
            "the access token is not accepted any more"
        };
        report.error = Some(reconnect(why));
    }
    report
}

/// Whether the partner has refused everything for so long, although each refresh works or there is
/// none, that the user has to look after it.
fn is_refused_for_good(
    report: &Report,
    connection: &Connection,
    renewable: bool,
    now: DateTime<Utc>,
) -> bool {
    let enough = if renewable { REFUSED_FOR_GOOD } else { REFUSED_UNRENEWED };
    let since = connection.refused_since;
    let is_new = report.refused && (report.refreshed || !renewable) && !report.reached_partner();
    is_new && since.is_some_and(|since| now - since >= enough)
}

/// A running sync.
pub(super) struct SyncRun<'a> {
    pub(super) with: &'a SyncContext,
    /// When it last got new tokens.
    pub(super) refreshed_at: Option<DateTime<Utc>>,
    /// Kinds that are switched off in the store and tried again in this sync.
    pub(super) tried_again: Vec<(Direction, Kind)>,
    /// Whether a call was refused although the tokens were new.
    pub(super) refused: bool,
    /// Whether feeds are read as far back as their wide looks go.
    pub(super) looks_wide_now: bool,
}

impl SyncRun<'_> {
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.with.clock.now()
    }

    async fn run(&mut self, job: &mut Job, report: &mut Report) -> Result<(), Failure> {
        self.save_kept_tokens(job).await?;
        if self.may_refresh(job) && self.expires_soon(job) {
            self.refresh(job).await?;
        }
        self.try_again(job);
        let kinds = self.kinds_to_push(job);
        let mut push = PushReport::default();
        let mut waiting = Vec::new();
        if !kinds.is_empty() {
            waiting = self.waiting(job, &kinds).await?;
            self.resolve_unknown_creations(job, &waiting, &mut push).await;
        }
        // A failure of the whole connection would only repeat itself with the next call.
        let goes_on = push.error.as_ref().is_none_or(Failure::is_of_a_part)
            && self.poll(job, &waiting, report).await;
        if !kinds.is_empty() {
            if goes_on {
                let unread = self.unread_kinds(job, report);
                self.push_waiting(job, &kinds, &unread, &mut push).await;
            }
            report.push = Some(push);
        }
        Ok(())
    }

    /// The kinds to push, if anything waits at all.
    fn kinds_to_push(&self, job: &Job) -> Vec<Kind> {
        let mut kinds = Vec::new();
        if job.connection.next_push_at.is_some() {
            kinds = self.with.partner.manifest().push_kinds();
            kinds.retain(|kind| job.properties.pushes(*kind));
        }
        kinds
    }

    pub(super) async fn waiting(&self, job: &Job, kinds: &[Kind]) -> Result<Vec<Waiting>, Failure> {
        let waiting =
            self.with.ledger.waiting(job.connection.id, kinds.to_vec(), self.now(), CHUNK);
        waiting.await.map_err(|error| store_failure(&error))
    }

    /// Polls the feeds that are due. Returns whether changes may be pushed.
    async fn poll(&mut self, job: &mut Job, waiting: &[Waiting], report: &mut Report) -> bool {
        // Of two changes of one record the later wins: the partner's change must be known first.
        let overwrites =
            |item: &&Waiting| !matches!(item.state, ItemState::Create | ItemState::Creating);
        let overwritten: Vec<Kind> =
            waiting.iter().filter(overwrites).map(|item| item.record.body.kind()).collect();
        for feed in self.with.partner.manifest().feeds {
            let wanted = job.properties.wanted(feed);
            let is_due = self.with.polls || wanted.iter().any(|kind| overwritten.contains(kind));
            if wanted.is_empty() || !is_due {
                continue;
            }
            let mut feed_report = FeedReport::new(feed.name);
            let mut read = self.read_feed(job, feed, &mut feed_report).await;
            if read.is_ok() {
                read = self.accepted(job, Direction::Poll, &wanted).await;
            }
            feed_report.error = read.err();
            let goes_on = feed_report.error.as_ref().is_none_or(Failure::is_of_a_part);
            report.enqueued.extend(feed_report.take_enqueued());
            report.feeds.push(feed_report);
            if !goes_on {
                // Of what a limit stopped, writes may still be permitted.
                return report.outcome() == SyncOutcome::Limited;
            }
        }
        if self.with.looks_wide && !report.had_data() && report.outcome() == SyncOutcome::Ok {
            self.look_wide(job, report).await;
        }
        true
    }

    /// Polled kinds of which this sync did not read what the partner has.
    fn unread_kinds(&self, job: &Job, report: &Report) -> Vec<Kind> {
        let manifest = self.with.partner.manifest();
        let is_read = |feed: &&partner_sdk::Feed| {
            report.feeds.iter().any(|read| read.feed == feed.name && read.error.is_none())
        };
        let unread = manifest.feeds.iter().filter(|feed| !is_read(feed));
        unread.flat_map(|feed| job.properties.wanted(feed)).collect()
    }

    pub(super) fn expires_soon(&self, job: &Job) -> bool {
        let soon = self.now() + REFRESH_AHEAD;
        job.tokens.refresh.is_some() && job.tokens.access_expires_at.is_some_and(|at| at <= soon)
    }

    /// Gets new tokens and stores them before their first use.
    pub(super) async fn refresh(&mut self, job: &mut Job) -> Result<(), Failure> {
        let Some(refresh_token) = &job.tokens.refresh else {
            return Err(reconnect("the access token is not accepted any more"));
        };
        let (id, begun_at) = (job.connection.id, self.now());
        let begun = self.with.ledger.begin_refresh(id, begun_at).await;
        begun.map_err(|error| store_failure(&error))?;
        let begun_before = job.connection.refresh_begun_at.replace(begun_at);
        // Not stopped by `cancel`: an answer that is not stored may mean a lost connection.
        let purpose = self.with.timeout.traffic().begin(Purpose::Tokens);
        let refreshed =
            self.with.refresher.refresh(&self.with.session, refresh_token, self.now()).await;
        self.with.timeout.traffic().begin(purpose);
        let mut tokens = refreshed.map_err(|error| match error {
            PartnerError::Unauthorized(_) => reconnect(&refused_refresh(begun_before)),
            error => self.partner_failure(&error),
        })?;
        // Not every partner repeats the scopes.
        tokens.scopes = tokens.scopes.or_else(|| job.tokens.scopes.clone());
        crash_point("sync::tokens_received");
        job.tokens = tokens;
        job.unsaved_since = Some(self.now());
        self.save_kept_tokens(job).await?;
        crash_point("sync::tokens_saved");
        job.connection.refresh_begun_at = None;
        self.refreshed_at = Some(self.now());
        Ok(())
    }

    /// Stores tokens that are not stored yet. Until they are, nothing else is done.
    async fn save_kept_tokens(&self, job: &mut Job) -> Result<(), Failure> {
        let Some(came_at) = job.unsaved_since else { return Ok(()) };
        let saved = self.with.ledger.save_tokens(job.connection.id, job.tokens.clone(), came_at);
        saved.await.map_err(|error| store_failure(&error))?;
        job.unsaved_since = None;
        Ok(())
    }
}

/// Why a refresh token is dead: if an earlier refresh never ended, its answer may have had the next
/// one.
fn refused_refresh(begun_before: Option<DateTime<Utc>>) -> String {
    let refused = "the refresh token is not accepted any more";
    let Some(at) = begun_before else { return refused.to_owned() };
    let at = at.format("%Y-%m-%d %H:%M:%S UTC");
    format!(
        "{refused} (the refresh of {at} got no tokens that could be stored; its answer may have had the next one)"
    )
}

/// A point where tests abort the process.
pub(super) fn crash_point(_name: &str) {
    fail::fail_point!(_name, |_| std::process::abort());
}

pub(super) fn reconnect(what: &str) -> Failure {
    let message = format!("{what}; the user must connect again");
    Failure::new(FailureCode::Unauthorized, message, SyncOutcome::NeedsReconnect)
}

pub(super) fn interrupted() -> Failure {
    Failure::new(
        FailureCode::Interrupted,
        "stopped to make room; it runs again",
        SyncOutcome::Interrupted,
    )
}

pub(super) fn store_failure(error: &LedgerError) -> Failure {
    let message = format!("what the sync did could not be stored: {error}");
    Failure::new(FailureCode::Store, message, SyncOutcome::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ConnectionId, Status, UserId};
    use crate::scheduler::Activity;

    #[test]
    fn only_a_day_of_refusals_with_working_refreshes_ends_a_connection() {
        let now: DateTime<Utc> = "2026-03-04T12:00:00Z".parse().unwrap();
        let connection = |hours: Option<i64>| Connection {
            id: ConnectionId(1),
            user_id: UserId::stored("ann"),
            partner: "withings".into(),
            status: Status::Connected,
            external_user_id: None,
            scopes: None,
            activity: Activity::new(now),
            failures: 0,
            last_poll_at: None,
            next_poll_at: None,
            last_push_at: None,
            next_push_at: None,
            last_error: None,
            connected_at: None,
            refreshed_at: None,
            refused_since: hours.map(|hours| now - TimeDelta::hours(hours)),
            refresh_begun_at: None,
            notified_at: None,
            trust: None,
            subscribed_at: None,
            failing_since: None,
        };
        let report = |refused, refreshed, pages| {
            let feeds = vec![FeedReport { pages, ..FeedReport::new("measure") }];
            Report { feeds, refused, refreshed, ..Report::default() }
        };
        for (hours, refused, refreshed, pages, ends) in [
            (None, true, true, 0, false),
            (Some(23), true, true, 0, false),
            (Some(24), true, true, 0, true),
            (Some(240), true, true, 0, true),
            (Some(240), true, true, 1, false),
            (Some(240), true, false, 0, false),
            (Some(240), false, true, 0, false),
        ] {
            let (report, connection) = (report(refused, refreshed, pages), connection(hours));
            let ended = is_refused_for_good(&report, &connection, true, now);
            assert_eq!(ended, ends, "{hours:?} {refused} {refreshed} {pages}");
        }
        for (hours, pages, ends) in
            [(None, 0, false), (Some(0), 0, false), (Some(1), 0, true), (Some(1), 1, false)]
        {
            let (report, connection) = (report(true, false, pages), connection(hours));
            let ended = is_refused_for_good(&report, &connection, false, now);
            assert_eq!(ended, ends, "without a refresh token: {hours:?} {pages}");
        }
    }
}
