//! Notifications: they wake sessions, and a flood of them wakes each only so often.

use std::collections::HashMap;
use std::sync::Arc;

use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::oneshot;

use super::PartnerActor;
use crate::actors::messages::{Notified, SyncOne, SyncResult};
use crate::limits::Priority;
use crate::model::{Cause, ConnectionId};
use crate::reception::Reception;
use crate::scheduler::SyncQueue;
use crate::sync::Report;
use crate::telemetry::traces::TraceContext;

/// After a notification that led to nothing, the next one waits at least so long.
const QUIET: TimeDelta = TimeDelta::seconds(15);

/// Connections whose last notification led to nothing, until when they are left alone.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    until: HashMap<ConnectionId, DateTime<Utc>>,
    /// When those that are over are forgotten.
    swept_at: usize,
}

impl Quiet {
    /// Notes the end of a sync.
    pub(super) fn note(
        &mut self,
        connection: ConnectionId,
        cause: Cause,
        report: &Report,
        now: DateTime<Utc>,
    ) {
        if report.had_data() {
            self.until.remove(&connection);
        } else if cause == Cause::Notification {
            if self.until.len() > 2 * self.swept_at + 64 {
                self.until.retain(|_, until| *until > now);
                self.swept_at = self.until.len();
            }
            self.until.insert(connection, now + QUIET);
        }
    }

    /// Until when a notification for a connection waits.
    fn until(&self, connection: ConnectionId, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let until = *self.until.get(&connection)?;
        // A clock that was set back must not make it long.
        (now..=now + QUIET).contains(&until).then_some(until)
    }

    /// When the upcoming sync of a connection may start, which otherwise starts at `at`.
    pub(super) fn not_before(
        &self,
        connection: ConnectionId,
        at: DateTime<Utc>,
        queue: &SyncQueue<oneshot::Sender<SyncResult>>,
    ) -> DateTime<Utc> {
        let is_notified = queue.upcoming_cause(connection) == Some(Cause::Notification);
        let until = self.until(connection, at - TimeDelta::seconds(1)).filter(|_| is_notified);
        until.map_or(at, |until| until.max(at))
    }
}

impl PartnerActor {
    /// Where the partner's notifications arrive, if it sends any.
    pub(super) fn reception(&self) -> Option<&Arc<Reception>> {
        self.shared.receptions.of(self.name())
    }
}

impl Handler<Notified> for PartnerActor {
    type Result = ();

    fn handle(&mut self, message: Notified, ctx: &mut Self::Context) {
        let now = self.now();
        for connection in message.connections {
            self.led_by.note(connection, &message.trace);
            match self.quiet.until(connection, now) {
                // When it is due, it syncs because it was notified: the store has that.
                Some(until) if !self.queue.is_running(connection) => {
                    if self.queue.upcoming_cause(connection).is_none() {
                        self.back_off(connection, until);
                    }
                }
                _ => {
                    let asked = SyncOne { connection, reply: None, trace: TraceContext::default() };
                    self.ask_for_sync(asked, Cause::Notification, Priority::Notification);
                }
            }
        }
        self.pump(ctx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn what_led_to_nothing_waits_and_anything_else_does_not() {
        let (mut quiet, report, one) = (Quiet::default(), Report::default(), ConnectionId(1));
        quiet.note(one, Cause::Schedule, &report, at(0));
        assert_eq!(quiet.until(one, at(0)), None);
        quiet.note(one, Cause::Notification, &report, at(0));
        assert_eq!(quiet.until(one, at(1)), Some(at(15)));
        assert_eq!((quiet.until(one, at(16)), quiet.until(ConnectionId(2), at(1))), (None, None));
        assert_eq!(quiet.until(one, at(-100)), None, "the clock was set back");
    }

    #[test]
    fn many_take_no_memory_without_end() {
        let (mut quiet, report) = (Quiet::default(), Report::default());
        for number in 0..100_000 {
            quiet.note(ConnectionId(number), Cause::Notification, &report, at(number));
        }
        assert!(quiet.until.len() < 200, "{}", quiet.until.len());
    }

    #[test]
    fn only_a_sync_that_a_notification_asked_for_is_put_off() {
        let (mut quiet, report, one) = (Quiet::default(), Report::default(), ConnectionId(1));
        let mut queue = SyncQueue::new(TimeDelta::seconds(1));
        quiet.note(one, Cause::Notification, &report, at(0));
        queue.request(one, Cause::Notification, Priority::Notification, None, at(0));
        assert_eq!(quiet.not_before(one, at(1), &queue), at(15));
        queue.forget(one);
        queue.request(one, Cause::Request, Priority::Interactive, None, at(0));
        assert_eq!(quiet.not_before(one, at(1), &queue), at(1));
    }
}
