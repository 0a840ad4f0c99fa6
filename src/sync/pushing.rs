//! Pushing: writes waiting changes to the partner. Each change is announced in the store before it
//! is sent, so that after a crash the partner is asked, and not sent the change twice.

mod steps;

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::{
    Action, Kind, Manifest, PartnerError, PushRequest, Pushed, RecordData, RemoteRecord,
};

use self::steps::{Step, batches};
use super::calling::CallFailure;
use super::fit::{fit, known_ids, reported};
use super::items::{ItemState, PushEnd, fingerprint, is_echo, is_edit_of};
use super::ports::{Job, PushEnded, Waiting};
use super::report::{Failure, PushReport};
use super::run::{SyncRun, crash_point, store_failure};
use super::traffic::Purpose;
use crate::model::{Direction, FailureCode, ItemId, SyncOutcome};
use crate::scheduler::Backoff;

/// A sync stops pushing after this many failures; an outage of the partner stops it at once.
const MAX_FAILURES: u32 = 3;

/// How a push ended, for the item and for the sync.
#[derive(Clone)]
struct PushResult {
    end: PushEnd,
    there: Option<RemoteRecord>,
    failure: Option<Failure>,
    reason: Option<String>,
    /// Whether it counts as a failed attempt.
    is_attempt: bool,
}

impl SyncRun<'_> {
    /// Finds out what became of creations that were begun and did not end. Changes and deletions
    /// wait for the poll, which may show what became of them.
    pub(super) async fn resolve_unknown_creations(
        &mut self,
        job: &mut Job,
        waiting: &[Waiting],
        report: &mut PushReport,
    ) {
        for item in waiting.iter().filter(|item| item.state == ItemState::Creating) {
            let sent = item.sent.clone().unwrap_or_else(|| item.record.clone());
            let found = self.look_up(job, &sent).await;
            crash_point("sync::looked_up");
            let ended = self.judge_lookup(found);
            let failure = ended.failure.clone();
            let kept = self.keep(item, &sent, ended).await;
            let Some(failure) = kept.err().or(failure) else { continue };
            report.failures += 1;
            let goes_on = is_bearable(&failure) && report.failures < MAX_FAILURES;
            report.error = Some(failure);
            if !goes_on {
                return;
            }
        }
    }

    /// Repeats changes and deletions that were begun, once the poll has shown what the partner has:
    /// repeating them does no harm. What a list misses may be gone by our own call, or may be there
    /// under another id, so it stays as it is until that is clear.
    async fn retry_interrupted(
        &self,
        job: &Job,
        kinds: &[Kind],
        unread: &[Kind],
    ) -> Result<(), Failure> {
        let is_begun = |item: &&Waiting| {
            matches!(item.state, ItemState::Updating | ItemState::Deleting)
                && !item.is_missing
                && !unread.contains(&item.record.body.kind())
        };
        for item in self.waiting(job, kinds).await?.iter().filter(is_begun) {
            self.keep(item, &item.record, PushResult::again()).await?;
        }
        Ok(())
    }

    /// Returns what the partner has of a record whose creation did not end.
    async fn look_up(
        &mut self,
        job: &mut Job,
        sent: &RecordData,
    ) -> Result<Option<RemoteRecord>, CallFailure> {
        let request = self.request(job, Action::Create, sent.clone());
        let partner = Arc::clone(&self.with.partner);
        let mut found = self
            .call(job, |session| {
                let (partner, request) = (Arc::clone(&partner), request.clone());
                async move { partner.find_existing(&session, &request).await }
            })
            .await?;
        let kind = sent.body.kind();
        let day_only = self.manifest().writable(kind).is_some_and(|writable| writable.day_only);
        let is_it = |remote: &RemoteRecord| is_echo(sent, &RecordData::from(remote), day_only);
        // If it was edited there before the first look-up, it is identified by its moment.
        found.retain(|remote| {
            is_it(remote) || !day_only && is_edit_of(sent, &RecordData::from(remote))
        });
        found.sort_by_key(|remote| !is_it(remote));
        let ids = found.iter().map(|remote| remote.source_id.clone()).collect();
        let ids = known_ids(ids);
        let linked = self.with.ledger.linked(job.connection.id, ids).await;
        let linked = linked.map_err(|error| CallFailure::Ours(store_failure(&error)))?;
        found.retain(|remote| !linked.contains(&remote.source_id));
        // With two records of the same moment it is unclear which of them it is.
        let is_open = found.len() > 1 && found.first().is_some_and(|first| !is_it(first));
        let found = found.into_iter().next().filter(|_| !is_open);
        Ok(found.map(|remote| {
            if is_it(&remote) {
                return remote;
            }
            // A poll will report the edit.
            RemoteRecord { start: sent.start, end: sent.end, body: sent.body.clone(), ..remote }
        }))
    }

    fn judge_lookup(&self, found: Result<Option<RemoteRecord>, CallFailure>) -> PushResult {
        match found {
            Ok(Some(remote)) => PushResult::there(remote),
            Ok(None) => PushResult::simply(PushEnd::NotThere),
            Err(failure) => {
                let what = "asking for what became of a push";
                PushResult::failed(PushEnd::Unknown, self.describe(failure, what))
            }
        }
    }

    /// Pushes what waits of `kinds` until nothing is left that can be pushed. Nothing of the
    /// `unread` kinds is overwritten at the partner: what it has now is not known.
    pub(super) async fn push_waiting(
        &mut self,
        job: &mut Job,
        kinds: &[Kind],
        unread: &[Kind],
        report: &mut PushReport,
    ) {
        let mut tried: HashSet<(ItemId, ItemState)> = HashSet::new();
        let mut kinds = kinds.to_vec();
        if let Err(failure) = self.retry_interrupted(job, &kinds, unread).await {
            return report.error = Some(failure);
        }
        loop {
            let mut waiting = match self.waiting(job, &kinds).await {
                Ok(waiting) => waiting,
                Err(failure) => return report.error = Some(failure),
            };
            waiting.retain(|item| {
                let is_known =
                    item.state == ItemState::Create || !unread.contains(&item.record.body.kind());
                is_known
                    && !item.is_missing
                    && !item.state.is_in_flight()
                    && tried.insert((item.item, item.state))
            });
            if waiting.is_empty() {
                return;
            }
            for batch in batches(self.manifest(), waiting) {
                if self.with.cancel.is_cancelled() {
                    return report.error = Some(super::run::interrupted());
                }
                let Err(failure) = self.push_batch(job, batch, report).await else { continue };
                report.failures += 1;
                let goes_on = is_bearable(&failure) && report.failures < MAX_FAILURES;
                let switched_off = failure.outcome == SyncOutcome::NotGranted;
                report.error = Some(failure);
                if switched_off {
                    kinds.retain(|kind| job.properties.pushes(*kind));
                    break;
                }
                if !goes_on {
                    return;
                }
            }
        }
    }

    /// Pushes items that go together.
    async fn push_batch(
        &mut self,
        job: &mut Job,
        batch: Vec<(Waiting, Step)>,
        report: &mut PushReport,
    ) -> Result<(), Failure> {
        let mut sends = Vec::new();
        for (item, step) in batch {
            match step {
                Step::Send(action) => sends.push((item, action)),
                Step::Refuse(reason) => {
                    let ended = PushResult::refused(reason);
                    report.count(item.state, &item.record, ended.end, ended.reason.as_deref());
                    self.keep(&item, &item.record, ended).await?;
                }
            }
        }
        let announced = sends.iter().map(|(item, _)| (item.item, fingerprint(&item.record)));
        // The call may land after we are gone: whoever looks earlier finds nothing, and sends it twice.
        let again_at = self.after_late_calls();
        let begun = self.with.ledger.begin_push(announced.collect(), again_at).await;
        let begun = begun.map_err(|error| store_failure(&error))?;
        crash_point("sync::push_begun");
        sends.retain(|(item, _)| begun.contains(&item.item));
        if sends.is_empty() {
            return Ok(());
        }
        let requests: Vec<PushRequest> = sends
            .iter()
            .map(|(item, action)| self.request(job, action.clone(), item.record.clone()))
            .collect();
        let outcomes = self.send(job, requests).await;
        crash_point("sync::push_answered");
        let mut ends: Vec<PushResult> = match outcomes {
            Ok(outcomes) => {
                let actions = sends.iter().map(|(_, action)| action);
                actions.zip(outcomes).map(|(action, outcome)| self.judge(action, outcome)).collect()
            }
            Err(failure) => vec![self.judge_failure(failure); sends.len()],
        };
        ends.resize_with(sends.len(), || PushResult::failed(PushEnd::Unknown, no_outcome()));
        let failure = ends.iter().find_map(|ended| ended.failure.clone());
        for ((item, _), ended) in sends.iter().zip(ends) {
            report.count(item.state, &item.record, ended.end, ended.reason.as_deref());
            self.keep(item, &item.record, ended).await?;
            crash_point("sync::push_kept");
        }
        let Some((first, _)) = sends.first() else { return Ok(()) };
        let kinds = self.pushed_with(first.record.body.kind());
        let Some(failure) = failure else {
            return self.accepted(job, Direction::Push, &kinds).await;
        };
        if failure.code == FailureCode::MissingScope {
            self.switch_off(job, Direction::Push, kinds, &failure.message).await?;
        }
        Err(failure)
    }

    async fn send(
        &mut self,
        job: &mut Job,
        requests: Vec<PushRequest>,
    ) -> Result<Vec<Result<Pushed, PartnerError>>, CallFailure> {
        let partner = Arc::clone(&self.with.partner);
        let requests = Arc::new(requests);
        self.with.timeout.traffic().begin(Purpose::Write);
        let sent = self
            .call(job, |session| {
                let (partner, requests) = (Arc::clone(&partner), Arc::clone(&requests));
                async move {
                    fail::fail_point!(&format!("partner::push::{}", partner.manifest().name));
                    if let [request] = requests.as_slice() {
                        return partner
                            .push(&session, request)
                            .await
                            .map(|pushed| vec![Ok(pushed)]);
                    }
                    let outcomes = partner.push_batch(&session, &requests).await;
                    // Nothing of the batch was done: the whole call is repeated.
                    let is_general = |outcome: &Result<Pushed, PartnerError>| {
                        use PartnerError::{RateLimited, Unauthorized};
                        matches!(outcome, Err(Unauthorized(_) | RateLimited { .. }))
                    };
                    match outcomes.first() {
                        Some(Err(error)) if outcomes.iter().all(is_general) => Err(error.clone()),
                        _ => Ok(outcomes),
                    }
                }
            })
            .await;
        self.with.timeout.traffic().begin(Purpose::Read);
        sent
    }

    fn judge(&self, action: &Action, outcome: Result<Pushed, PartnerError>) -> PushResult {
        match (action, outcome) {
            // One of a batch: the next sync gets new tokens for it.
            (_, Err(PartnerError::Unauthorized(_))) => PushResult::again(),
            (_, Err(error)) => self.judge_failure(CallFailure::Partner(error)),
            (Action::Delete(_), Ok(Pushed::There(_))) | (Action::Create, Ok(Pushed::Gone)) => {
                let message = "the partner's code reported an impossible outcome";
                let failure = Failure::new(FailureCode::Malformed, message, SyncOutcome::Failed);
                PushResult::failed(PushEnd::Unknown, failure)
            }
            (_, Ok(Pushed::There(remote))) => PushResult::there(*remote),
            (_, Ok(Pushed::Gone)) => PushResult::simply(PushEnd::NotThere),
        }
    }

    fn judge_failure(&self, failure: CallFailure) -> PushResult {
        use PartnerError::{Gone, MissingScope, RateLimited, Rejected, Unauthorized};
        let end = match &failure {
            CallFailure::Partner(Rejected(reason)) => {
                return PushResult::refused(reason.to_string());
            }
            // The partner certainly did nothing.
            CallFailure::Partner(
                RateLimited { .. } | Unauthorized(_) | MissingScope(_) | Gone(_),
            )
            | CallFailure::Refused
            | CallFailure::Ours(_) => PushEnd::Again,
            _ => PushEnd::Unknown,
        };
        let is_attempt = end == PushEnd::Unknown && !matches!(failure, CallFailure::Interrupted);
        let failure = self.describe(failure, "pushing a change");
        PushResult { is_attempt, ..PushResult::failed(end, failure) }
    }

    /// Stores the result of a push.
    async fn keep(
        &self,
        item: &Waiting,
        sent: &RecordData,
        ended: PushResult,
    ) -> Result<(), Failure> {
        let now = self.now();
        let wait = Backoff::CONNECTION.wait(item.attempts + 1, 0.0);
        let wait = TimeDelta::from_std(wait).unwrap_or_default();
        let again_at = if ended.is_attempt { now + wait } else { now };
        // It was given up, not refused: it may still land.
        let is_open = ended.end == PushEnd::Unknown;
        let again_at = if is_open { again_at.max(self.after_late_calls()) } else { again_at };
        let ended = PushEnded {
            item: item.item,
            sent: fingerprint(sent),
            end: ended.end,
            there: ended.there,
            reason: ended.reason,
            again_at,
            is_attempt: ended.is_attempt,
            now,
        };
        self.with.ledger.end_push(ended).await.map_err(|error| store_failure(&error))
    }

    /// When a call that begins now, or was given up now, has landed or never will.
    fn after_late_calls(&self) -> DateTime<Utc> {
        self.now() + self.with.late_calls
    }

    fn manifest(&self) -> &'static Manifest {
        self.with.partner.manifest()
    }

    fn request(&self, job: &Job, action: Action, record: RecordData) -> PushRequest {
        let time_zone = job.properties.time_zone();
        PushRequest { action, record, time_zone, now: self.now() }
    }
}

impl PushResult {
    fn simply(end: PushEnd) -> Self {
        Self { end, there: None, failure: None, reason: None, is_attempt: false }
    }

    fn again() -> Self {
        Self::simply(PushEnd::Again)
    }

    /// What the partner has under an id that cannot be kept is not sent again: nothing would
    /// recognise it.
    fn there(remote: RemoteRecord) -> Self {
        match fit(remote) {
            Ok(remote) => Self { there: Some(remote), ..Self::simply(PushEnd::There) },
            Err(unfit) => Self::refused(format!("the partner has it, but {}", unfit.reason)),
        }
    }

    fn refused(reason: String) -> Self {
        Self { reason: Some(reported(reason)), ..Self::simply(PushEnd::Refused) }
    }

    fn failed(end: PushEnd, failure: Failure) -> Self {
        let reason = Some(failure.message.clone());
        Self { failure: Some(failure), reason, is_attempt: true, ..Self::simply(end) }
    }
}

/// Whether a failure concerns one change, and not the partner or the connection.
fn is_bearable(failure: &Failure) -> bool {
    failure.outcome == SyncOutcome::Failed
        && matches!(failure.code, FailureCode::Malformed | FailureCode::Panic)
}

fn no_outcome() -> Failure {
    let message = "the partner's code reported fewer outcomes than it was given changes";
    Failure::new(FailureCode::Malformed, message, SyncOutcome::Failed)
}
