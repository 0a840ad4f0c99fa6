//! Polling: reads a feed page by page and sorts each page into accepted and rejected records.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::{
    Cursor, Feed, Kind, Page, PageGuard, PartnerError, PollRequest, RecordData, in_words,
};

use super::calling::CallFailure;
use super::check::refusal;
use super::fit::{check_states, fit, known_id, known_ids, reported};
use super::ports::{Job, PageToSave, ResumePoint};
use super::report::{Failure, FeedReport, MovedCursor, Report};
use super::run::{SyncContext, SyncRun, crash_point, interrupted, store_failure};
use crate::model::{Direction, SyncOutcome};

/// The time from one wide look of a feed to the next: less than a day, so that what it finds is
/// found within a day even where polls are hours apart.
const WIDE_LOOK_EVERY: TimeDelta = TimeDelta::hours(20);

/// The least time from one wide look of a feed to the next, if announced changes ask for it.
const LOOK_WIDE_AGAIN: TimeDelta = TimeDelta::hours(1);

/// A clock that is ahead of the partner's by no more than this does no harm: every partner reads
/// again what is younger.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::hours(1);

/// How long a list that was stopped between two pages can go on there.
const KEPT_BY_PARTNERS: TimeDelta = TimeDelta::days(1);

/// How many records of a page are stored in one transaction: a record takes some 3.5 kB while it is.
const STORED_AT_ONCE: usize = 5_000;

/// What this sync has seen of a feed.
#[derive(Default)]
pub(super) struct SeenSoFar {
    groups: HashSet<String>,
    /// All source ids, and ids of groups with a part that could not be read.
    ids: HashSet<String>,
    /// Whether something that could not be read did not even have an id.
    nameless: bool,
}

impl SyncRun<'_> {
    pub(super) async fn read_feed(
        &mut self,
        job: &mut Job,
        feed: &'static Feed,
        report: &mut FeedReport,
    ) -> Result<(), Failure> {
        let wanted = job.properties.wanted(feed);
        let (cursor, read_at) = (job.cursors.get(feed.name), job.read_at.get(feed.name));
        report.cursor_before =
            cursor.map(|cursor| self.describe_cursor(feed.name, cursor, read_at));
        report.cursor_after = report.cursor_before.clone();
        let resumed = job.resume_points.remove(feed.name);
        report.is_resumed = resumed.is_some();
        let is_kept =
            |point: &ResumePoint| !point.is_void && self.now() - point.stopped < KEPT_BY_PARTNERS;
        let mut point = match resumed.filter(is_kept) {
            Some(point) => point,
            None => self.beginning(job, feed),
        };
        let (is_first, is_wide) = (point.is_first, point.is_wide);
        report.looked_back = is_first || is_wide;
        let mut request = PollRequest {
            feed,
            cursor: job.cursors.get(feed.name).cloned(),
            page: point.page.take(),
            backfill_from: point.backfill_from,
            now: self.now(),
            is_wide,
            time_zone: job.properties.time_zone(),
            delivered: Vec::new(),
        };
        let delivered = job.delivered.remove(feed.name).unwrap_or_default();
        request.delivered = delivered.iter().map(|item| item.payload.clone()).collect();
        let had: Vec<i64> = delivered.iter().map(|item| item.id).collect();
        let (mut seen, mut guard) = (SeenSoFar::default(), PageGuard::default());
        // What an earlier sync has read does not come again: nothing follows from what is missing.
        seen.nameless = request.page.is_some();
        loop {
            // A person who asks gets one page ahead of others; the rest of the past keeps to its share.
            let is_urgent = report.pages == 0 && (self.with.is_requested || !is_first);
            self.with.timeout.set_backfilling((is_first || is_wide) && !is_urgent);
            let read = self.read_page(job, &request).await;
            self.with.timeout.set_backfilling(false);
            let mut page = match read {
                Ok(page) => page,
                Err(CallFailure::Partner(PartnerError::MissingScope(detail))) => {
                    let error = PartnerError::MissingScope(detail);
                    let why = error.to_string();
                    self.switch_off(job, Direction::Poll, wanted, &why).await?;
                    return Err(Failure::from(&error));
                }
                Err(failure) => {
                    let failure = self.describe(failure, "reading a page");
                    let goes_on =
                        matches!(failure.outcome, SyncOutcome::Limited | SyncOutcome::Interrupted);
                    if goes_on && request.page.is_some() {
                        report.resume_point = Some(point.at(request.page, self.now()));
                    }
                    return Err(failure);
                }
            };
            crash_point("sync::page_read");
            report.clock_ahead = report.clock_ahead.max(self.clock_ahead());
            // Also where it is the last one to be read, its records are kept.
            let goes_on = guard.note(&page).and_then(|()| check_states(&mut page));
            let next_page = page.next_page.take();
            let mut to_save =
                check_page(page, job, &wanted, &mut seen, report, self.with, request.now);
            if let Some(last) = to_save.last_mut().filter(|_| next_page.is_none()) {
                last.delivered.clone_from(&had);
            }
            let suspects = self.save_page(to_save, report).await?;
            self.ask_for_suspects(job, &request, &wanted, suspects, report).await?;
            report.pages += 1;
            crash_point("sync::page_saved");
            goes_on.map_err(|error| Failure::from(&error))?;
            if next_page.is_none() {
                // A loss that is not believed yet is looked for again by the next sync.
                let is_sure = report.suspected == 0 && report.clock_ahead.is_none();
                let is_done = (is_first || is_wide) && is_sure;
                report.wide_look_at =
                    is_done.then_some(point.began).filter(|_| !feed.wide.is_zero());
                return Ok(());
            }
            request.page = next_page;
            if (is_first || is_wide) && self.with.timeout.makes_room() {
                report.resume_point = Some(point.at(request.page, self.now()));
                return Err(interrupted());
            }
        }
    }

    /// Where reading a feed begins.
    fn beginning(&self, job: &Job, feed: &Feed) -> ResumePoint {
        let is_first = !job.cursors.contains_key(feed.name);
        ResumePoint {
            page: None,
            is_first,
            is_wide: !is_first && self.is_wide_look_due(job, feed),
            backfill_from: self.now() - self.with.backfill,
            began: self.now(),
            stopped: self.now(),
            is_void: false,
        }
    }

    /// Stores the parts of a page, the last one with its cursor. Returns the ids of items that are
    /// missing, which is not believed yet.
    async fn save_page(
        &self,
        parts: Vec<PageToSave>,
        report: &mut FeedReport,
    ) -> Result<Vec<String>, Failure> {
        let mut suspects = Vec::new();
        for mut part in parts {
            // What an earlier page missed must be looked for again by the next sync. A clock that is
            // ahead would carry the cursor past what the partner has not even received yet.
            if report.suspected > 0 || report.clock_ahead.is_some() {
                part.cursor = None;
            }
            if part.cursor.is_none() {
                part.delivered.clear();
            }
            let moved_to = part
                .cursor
                .as_ref()
                .map(|cursor| self.describe_cursor(part.feed, cursor, Some(&part.now)));
            if part.brings_nothing() {
                let (feed, read_at) = (part.feed, part.now);
                let moved = |cursor| MovedCursor { feed, cursor, read_at };
                report.cursor = part.cursor.map(moved).or(report.cursor.take());
            } else {
                let saved = self.with.ledger.save_page(part).await;
                let mut saved = saved.map_err(|error| store_failure(&error))?;
                suspects.append(&mut saved.suspects);
                report.add(saved);
            }
            report.cursor_after = moved_to.or(report.cursor_after.take());
        }
        Ok(suspects)
    }

    /// Where a cursor stands, in words: by its partner, or else by when the feed was read.
    fn describe_cursor(
        &self,
        feed: &str,
        cursor: &Cursor,
        read_at: Option<&DateTime<Utc>>,
    ) -> String {
        // Partner code, which may panic.
        let describe = AssertUnwindSafe(|| self.with.partner.describe_cursor(feed, cursor));
        let described = std::panic::catch_unwind(describe).ok().flatten().map(reported);
        let read = || read_at.map(|at| format!("read at {}", in_words(*at)));
        described.or_else(read).unwrap_or_else(|| "read before".to_owned())
    }

    /// How far our clock is ahead of the partner's, if that is more than the partners' cursors bear.
    fn clock_ahead(&self) -> Option<TimeDelta> {
        let partners = self.with.session.partners_time()?;
        Some(self.now() - partners).filter(|ahead| *ahead > CLOCK_TOLERANCE)
    }

    /// Whether this sync looks far back: because a person asked for it, or because the last such
    /// look was long ago.
    fn is_wide_look_due(&self, job: &Job, feed: &Feed) -> bool {
        let last = job.wide_look_at.get(feed.name).copied();
        let is_recent =
            |at: DateTime<Utc>| (TimeDelta::zero()..WIDE_LOOK_EVERY).contains(&(self.now() - at));
        !feed.wide.is_zero()
            && (self.with.is_asked || self.looks_wide_now || !last.is_some_and(is_recent))
    }

    /// Reads the announced feeds once more, as far back as they go; where that was done lately, the report
    /// says when to do it.
    pub(super) async fn look_wide(&mut self, job: &mut Job, report: &mut Report) {
        let Some(notifier) = self.with.partner.notifier() else { return };
        let now = self.now();
        self.looks_wide_now = true;
        for feed_report in &mut report.feeds {
            let feeds = self.with.partner.manifest().feeds;
            let Some(feed) = feeds.iter().find(|feed| feed.name == feed_report.feed) else {
                continue;
            };
            let is_possible = !feed.wide.is_zero() && notifier.rules().announces(feed.name);
            if feed_report.looked_back || !is_possible {
                continue;
            }
            let last = job.wide_look_at.get(feed.name);
            if let Some(last) = last.filter(|at| (now - **at).abs() < LOOK_WIDE_AGAIN) {
                report.look_wide_at = Some(*last + LOOK_WIDE_AGAIN);
                continue;
            }
            feed_report.error = self.read_feed(job, feed, feed_report).await.err();
            report.enqueued.extend(feed_report.take_enqueued());
            if feed_report.error.is_some() {
                return;
            }
        }
    }

    async fn read_page(
        &mut self,
        job: &mut Job,
        request: &PollRequest,
    ) -> Result<Page, CallFailure> {
        let (partner, clock) = (Arc::clone(&self.with.partner), Arc::clone(&self.with.clock));
        self.call(job, |session| {
            let partner = Arc::clone(&partner);
            let request = PollRequest { now: clock.now(), ..request.clone() };
            async move {
                fail::fail_point!(&format!("partner::poll::{}", partner.manifest().name));
                let page = partner.poll(&session, &request).await?;
                page.within_bounds().map(|()| page)
            }
        })
        .await
    }
}

/// Returns the page in parts of which each is stored at once. Only the last one says what is gone, and
/// where the next sync starts.
pub(super) fn check_page(
    page: Page,
    job: &Job,
    wanted: &[Kind],
    seen: &mut SeenSoFar,
    report: &mut FeedReport,
    with: &SyncContext,
    now: DateTime<Utc>,
) -> Vec<PageToSave> {
    let (manifest, feed) = (with.partner.manifest(), report.feed);
    let part = || PageToSave {
        connection: job.connection.id,
        user_id: job.connection.user_id.clone(),
        partner: manifest.name,
        feed,
        records: Vec::new(),
        doubtful: Vec::new(),
        present: Vec::new(),
        complete_groups: Vec::new(),
        deleted: Vec::new(),
        is_certain: false,
        complete_range: None,
        kinds: wanted.to_vec(),
        day_only: manifest.day_only_kinds(),
        last_seen: job.read_at.get(feed).copied().unwrap_or(DateTime::UNIX_EPOCH),
        cursor: None,
        delivered: Vec::new(),
        now,
        cause: with.cause,
    };
    let (mut parts, mut to_save) = (Vec::new(), part());
    let mut positions = std::collections::HashMap::new();
    for record in page.records {
        let record = match record.and_then(fit) {
            Ok(record) => record,
            Err(refused) => {
                seen.nameless |= refused.source_id.is_none();
                let id = known_id(&refused);
                seen.ids.extend(id.cloned());
                to_save.present.extend(id.cloned());
                report.refuse(refused.source_id, refused.reason.into_owned());
                continue;
            }
        };
        if to_save.records.len() + to_save.doubtful.len() >= STORED_AT_ONCE {
            positions.clear();
            let mut rest = part();
            let stored = to_save.records.iter().map(|record| record.source_id.clone());
            rest.present = std::mem::take(&mut to_save.present);
            rest.present.extend(stored);
            rest.complete_groups = std::mem::take(&mut to_save.complete_groups);
            parts.push(std::mem::replace(&mut to_save, rest));
        }
        seen.ids.insert(record.source_id.clone());
        if let Some(group) = &record.group
            && seen.groups.insert(group.clone())
        {
            to_save.complete_groups.push(group.clone());
        }
        if !wanted.contains(&record.body.kind()) {
            to_save.present.push(record.source_id);
        } else if let Some(reason) = refusal(&RecordData::from(&record), now, with.exercise_energy)
        {
            to_save.present.push(record.source_id.clone());
            to_save.doubtful.push((record, reason));
        } else {
            // Reported twice in one page: the later one wins.
            match positions.insert(record.source_id.clone(), to_save.records.len()) {
                Some(position) => {
                    positions.insert(record.source_id.clone(), position);
                    if let Some(earlier) = to_save.records.get_mut(position) {
                        *earlier = record;
                    }
                }
                None => to_save.records.push(record),
            }
        }
    }
    // A rejected part of a group, known only by the group's id, says nothing about the other parts.
    let refused: HashSet<&String> = to_save.present.iter().collect();
    to_save.complete_groups.retain(|group| !refused.contains(group));
    let complete_range = page.complete_range.filter(|_| !seen.nameless);
    to_save.complete_range = complete_range.map(|range| (range, std::mem::take(&mut seen.ids)));
    to_save.deleted = known_ids(page.deleted);
    to_save.cursor = page.cursor;
    parts.push(to_save);
    parts
}
