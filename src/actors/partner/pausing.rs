//! The administrator's pause: no sync starts, of polls and pushes alike, until it is ended. What runs
//! goes on to its end, and notifications are taken and wait.

use actix::prelude::*;
use chrono::{DateTime, Utc};

use super::PartnerActor;
use crate::actors::messages::{Pause, Resume, SyncResult};
use crate::store::StoreError;

/// Which of several requests came last: their ends may be seen in another order.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    asked: u64,
    applied: u64,
    /// When the last pause ended. What was due before is not late.
    resumed_at: Option<DateTime<Utc>>,
}

impl Pauses {
    fn ask(&mut self) -> u64 {
        self.asked += 1;
        self.asked
    }

    /// Whether a request that is stored now is later than what holds.
    fn applies(&mut self, asked: u64) -> bool {
        let applies = asked > self.applied;
        self.applied = self.applied.max(asked);
        applies
    }
}

impl PartnerActor {
    /// Since when the administrator lets no sync start, if so.
    pub(super) fn paused_since(&self) -> Option<DateTime<Utc>> {
        self.shared.directory.paused_since(self.name())
    }

    /// Since when a sync could have started that is due since then.
    pub(super) fn startable_since(&self, due: DateTime<Utc>) -> DateTime<Utc> {
        self.pauses.resumed_at.map_or(due, |resumed| resumed.max(due))
    }

    pub(super) fn restore_pause(&self, since: Option<DateTime<Utc>>) {
        self.shared.directory.set_paused(self.name(), since);
        if let Some(since) = since {
            tracing::warn!(
                partner.name = self.name(),
                since = %since.to_rfc3339(),
                "syncs are paused by the administrator"
            );
        }
    }

    fn paused(&mut self, since: DateTime<Utc>) {
        if self.paused_since().is_none() {
            tracing::info!(partner.name = self.name(), "the administrator paused its syncs");
        }
        self.shared.directory.set_paused(self.name(), Some(since));
        for waiting in self.queue.take_waiters() {
            // The caller may have gone.
            drop(waiting.send(SyncResult::Paused(since)));
        }
    }

    fn resumed(&mut self, ctx: &mut Context<Self>) {
        if self.paused_since().is_none() {
            return;
        }
        self.shared.directory.set_paused(self.name(), None);
        self.pauses.resumed_at = Some(self.now());
        tracing::info!(partner.name = self.name(), "the administrator resumed its syncs");
        self.pump(ctx);
    }
}

impl Handler<Pause> for PartnerActor {
    type Result = ResponseActFuture<Self, Result<DateTime<Utc>, StoreError>>;

    fn handle(&mut self, _: Pause, _: &mut Self::Context) -> Self::Result {
        let (store, name, now) = (self.shared.store.clone(), self.name(), self.now());
        let asked = self.pauses.ask();
        let stored = async move { store.pause(name, now).await }.into_actor(self);
        Box::pin(stored.map(move |stored, actor, _| {
            let since = stored?;
            if actor.pauses.applies(asked) {
                actor.paused(since);
            }
            Ok(since)
        }))
    }
}

impl Handler<Resume> for PartnerActor {
    type Result = ResponseActFuture<Self, Result<(), StoreError>>;

    fn handle(&mut self, _: Resume, _: &mut Self::Context) -> Self::Result {
        let (store, name) = (self.shared.store.clone(), self.name());
        let asked = self.pauses.ask();
        let stored = async move { store.resume(name).await }.into_actor(self);
        Box::pin(stored.map(move |stored, actor, ctx| {
            stored?;
            if actor.pauses.applies(asked) {
                actor.resumed(ctx);
            }
            Ok(())
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_requests_the_last_one_holds_whichever_is_seen_first() {
        let mut pauses = Pauses::default();
        let (pause, resume, again) = (pauses.ask(), pauses.ask(), pauses.ask());
        assert!(pauses.applies(resume));
        assert!(!pauses.applies(pause));
        assert!(pauses.applies(again));
    }
}
