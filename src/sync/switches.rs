//! Kinds that the partner refuses: switched off with the reason, and tried again now and then. The
//! user may have granted the right meanwhile, or the refusal was the partner's fault.

use chrono::{DateTime, TimeDelta};
use partner_sdk::{Feed, Kind};

use super::ports::Job;
use super::report::Failure;
use super::run::{SyncRun, store_failure};
use crate::model::Direction;

impl SyncRun<'_> {
    /// Treats what is to be tried again as switched on, in this sync only. In the store it stays
    /// switched off, with its reason, until the partner accepts it.
    pub(super) fn try_again(&mut self, job: &mut Job) {
        let manifest = self.with.partner.manifest();
        let polled = manifest.poll_kinds().into_iter().map(|kind| (Direction::Poll, kind));
        let pushed = manifest.push_kinds().into_iter().map(|kind| (Direction::Push, kind));
        let now = self.now();
        for (direction, kind) in polled.filter(|_| self.with.polls).chain(pushed) {
            if job.properties.is_tried_again(direction, kind, now) {
                job.properties.values.insert(direction.property(kind), "true".into());
                self.tried_again.push((direction, kind));
            }
        }
        // What came while a kind was switched off was skipped: its feed is read from the beginning.
        for feed in manifest.feeds.iter().filter(|feed| !self.tried_again_of(feed).is_empty()) {
            job.cursors.remove(feed.name);
            if let Some(point) = job.resume_points.get_mut(feed.name) {
                point.is_void = true;
            }
        }
    }

    /// The kinds of a feed that are tried again.
    pub(super) fn tried_again_of(&self, feed: &Feed) -> Vec<Kind> {
        let is_tried = |kind: &Kind| self.tried_again.contains(&(Direction::Poll, *kind));
        feed.kinds.iter().copied().filter(is_tried).collect()
    }

    /// Switches kinds on again, as far as they were tried again: the partner has accepted a call.
    pub(super) async fn accepted(
        &mut self,
        job: &Job,
        direction: Direction,
        kinds: &[Kind],
    ) -> Result<(), Failure> {
        let is_meant = |tried: &(Direction, Kind)| tried.0 == direction && kinds.contains(&tried.1);
        let accepted: Vec<Kind> =
            self.tried_again.iter().filter(|tried| is_meant(tried)).map(|tried| tried.1).collect();
        if accepted.is_empty() {
            return Ok(());
        }
        self.tried_again.retain(|tried| !is_meant(tried));
        let kept = self.with.ledger.switch_on(job.connection.id, direction, accepted).await;
        kept.map_err(|error| store_failure(&error))
    }

    /// Switches off kinds that need a permission which the user did not grant.
    pub(super) async fn switch_off(
        &mut self,
        job: &mut Job,
        direction: Direction,
        kinds: Vec<Kind>,
        reason: &str,
    ) -> Result<(), Failure> {
        for kind in &kinds {
            job.properties.values.insert(direction.property(*kind), "false".into());
        }
        let (id, now) = (job.connection.id, self.now());
        let wait = TimeDelta::from_std(self.with.retry_switched_off).unwrap_or(TimeDelta::MAX);
        let again_at = now.checked_add_signed(wait).unwrap_or(DateTime::<chrono::Utc>::MAX_UTC);
        let kept = self.with.ledger.switch_off(id, direction, kinds, reason.into(), again_at).await;
        kept.map_err(|error| store_failure(&error))
    }

    /// The kinds that are pushed by the same calls as this one.
    pub(super) fn pushed_with(&self, kind: Kind) -> Vec<Kind> {
        let writable = self.with.partner.manifest().writable(kind);
        writable.map_or(vec![kind], |writable| writable.kinds.to_vec())
    }
}
