//! Keeps a task running for each endpoint.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::Instant;
use utoipa::ToSchema;

use super::runner::{Runner, With};
use crate::scheduler::Backoff;
use crate::telemetry::last_panic;

/// How long what is being sent may take when the daemon stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// The pause after a failure of the database.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// A task that ran longer than this was healthy; its next failure counts as the first.
const HEALTHY_SPELL: Duration = Duration::from_secs(600);

/// The deliverer as `GET /admin/api/actors` shows it.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct DelivererTree {
    /// Endpoints with a running task.
    pub running: usize,
    /// How often a task was restarted after a panic.
    pub restarts: u32,
    /// The last panic.
    pub last_failure: Option<TaskFailure>,
}

/// The end of a task that panicked.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TaskFailure {
    /// When.
    pub at: DateTime<Utc>,
    /// The endpoint.
    pub endpoint_id: String,
    /// Why.
    pub reason: String,
}

/// What is known of an endpoint's task.
struct Slot {
    task: Option<AbortHandle>,
    started_at: Instant,
    failures: u32,
    restart_at: Instant,
}

/// See the module.
pub(super) struct Deliverer {
    with: With,
    tree: Arc<Mutex<DelivererTree>>,
    slots: HashMap<String, Slot>,
    tasks: JoinSet<()>,
}

impl Deliverer {
    pub(super) fn new(with: With, tree: Arc<Mutex<DelivererTree>>) -> Self {
        Self { with, tree, slots: HashMap::new(), tasks: JoinSet::new() }
    }

    pub(super) async fn run(mut self) {
        let mut look_at = Some(Instant::now());
        let mut changed = self.with.changed.clone();
        loop {
            let soon = async {
                match look_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.with.stop.cancelled() => break,
                _ = changed.changed() => {}
                ended = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => {
                    match ended {
                        Some(Ok((task, ()))) => self.ended(task),
                        Some(Err(error)) => self.failed(&error),
                        None => {}
                    }
                    // An endpoint that was enabled again while its task ended needs another one.
                }
                () = soon => {}
            }
            look_at = self.look().await;
        }
        let tasks = &mut self.tasks;
        let ended = async { while tasks.join_next().await.is_some() {} };
        drop(tokio::time::timeout(STOP_TIMEOUT, ended).await);
    }

    /// Starts and stops tasks. Returns when to look again, if not only after a change.
    async fn look(&mut self) -> Option<Instant> {
        let ids = match self.with.store.enabled_webhook_endpoints().await {
            Ok(ids) => ids.into_iter().collect::<HashSet<String>>(),
            Err(error) => {
                tracing::warn!(%error, "the webhook endpoints could not be read");
                return Some(Instant::now() + AFTER_FAILURE);
            }
        };
        // The task of one that is not there any more ends by itself.
        self.slots.retain(|id, slot| slot.task.is_some() || ids.contains(id));
        let now = Instant::now();
        for id in ids {
            let slot = self.slots.entry(id.clone()).or_insert(Slot {
                task: None,
                started_at: now,
                failures: 0,
                restart_at: now,
            });
            if slot.task.is_none() && slot.restart_at <= now {
                let runner = Runner::new(id, self.with.clone());
                slot.task = Some(self.tasks.spawn_local(runner.run()));
                slot.started_at = now;
            }
        }
        let running = self.slots.values().filter(|slot| slot.task.is_some()).count();
        self.tree.lock().unwrap_or_else(PoisonError::into_inner).running = running;
        let restarts = self.slots.values().filter(|slot| slot.task.is_none());
        restarts.map(|slot| slot.restart_at).min()
    }

    fn slot_of(&mut self, task: Id) -> Option<(&String, &mut Slot)> {
        self.slots
            .iter_mut()
            .find(|(_, slot)| slot.task.as_ref().is_some_and(|handle| handle.id() == task))
    }

    fn ended(&mut self, task: Id) {
        if let Some((_, slot)) = self.slot_of(task) {
            slot.task = None;
        }
    }

    fn failed(&mut self, error: &JoinError) {
        let at = self.with.clock.now();
        let Some((id, slot)) = self.slot_of(error.id()) else { return };
        let is_first = slot.started_at.elapsed() > HEALTHY_SPELL;
        slot.failures = if is_first { 1 } else { slot.failures.saturating_add(1) };
        let wait = Backoff::ACTOR.wait(slot.failures, rand::random());
        (slot.task, slot.restart_at) = (None, Instant::now() + wait);
        let reason = last_panic();
        tracing::error!(endpoint.id = id, reason, "the task of a webhook endpoint is down");
        let failure = TaskFailure { at, endpoint_id: id.clone(), reason };
        let mut tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner);
        tree.restarts += 1;
        tree.last_failure = Some(failure);
    }
}
