//! Starts one partner actor per installed partner, restarts those that stop, reports the tree.
//!
//! actix's own supervisor does not restart after a panic. A partner actor reports its end to this
//! one from `stopped`, which also runs after a panic; a new one is started after a backoff.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;

use super::Directory;
use super::messages::{Drain, GetStats, Node, PartnerDown, Tree};
use super::partner::PartnerActor;
use super::shared::Shared;
use super::stats::{ActorFailure, ActorTree, PartnerNode, SupervisorTree};
use super::work::Work;
use crate::installed::InstalledPartner;
use crate::scheduler::Backoff;
use crate::service_manager::Pulses;

/// An actor that ran longer than this was healthy; its next failure counts as the first.
const HEALTHY_SPELL: TimeDelta = TimeDelta::minutes(10);

/// How long to wait for an actor's answer when the tree is requested.
const STATS_TIMEOUT: Duration = Duration::from_secs(1);

/// How long actors have to finish what is running when the daemon stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// See the module.
pub struct Supervisor {
    shared: Shared,
    directory: Directory,
    started_at: DateTime<Utc>,
    restarts: u32,
    slots: BTreeMap<&'static str, Slot>,
    draining: bool,
    pulses: Pulses,
}

/// One partner's actors, one after the other.
struct Slot {
    spec: Arc<InstalledPartner>,
    arbiter: Arbiter,
    actor: Option<Addr<PartnerActor>>,
    work: Work,
    generation: u32,
    /// Failures in a row, each no later than `HEALTHY_SPELL` after its start.
    failures: u32,
    started_at: DateTime<Utc>,
    restart_at: Option<DateTime<Utc>>,
    last_failure: Option<ActorFailure>,
}

impl Supervisor {
    /// Creates a supervisor of all partners in `directory`. The event loops of their actors show in
    /// `pulses` that they turn.
    pub fn new(shared: Shared, directory: Directory, pulses: Pulses) -> Self {
        let (started_at, slots) = (shared.now(), BTreeMap::new());
        Self { shared, directory, started_at, restarts: 0, slots, draining: false, pulses }
    }

    fn start_partner(&mut self, name: &'static str, ctx: &mut Context<Self>) {
        let now = self.shared.now();
        let Some(slot) = self.slots.get_mut(name) else { return };
        let before = (slot.generation > 0).then(|| std::mem::take(&mut slot.work));
        slot.generation += 1;
        slot.started_at = now;
        slot.restart_at = None;
        let (spec, shared, supervisor) =
            (Arc::clone(&slot.spec), self.shared.clone(), ctx.address());
        let (generation, work) = (slot.generation, slot.work.clone());
        let client = match partner_sdk::http_client() {
            Ok(client) => client,
            Err(error) => {
                let reason = format!("the HTTP client cannot be made: {error}");
                ctx.notify(PartnerDown { name, generation, reason });
                return;
            }
        };
        let actor = PartnerActor::start_in_arbiter(&slot.arbiter.handle(), move |_| {
            PartnerActor::new(spec, shared, client, supervisor, generation, before, work)
        });
        self.directory.set(name, Some(actor.clone()));
        slot.actor = Some(actor);
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let specs: Vec<_> = self.directory.specs().cloned().collect();
        for spec in specs {
            let name = spec.name();
            let arbiter = Arbiter::new();
            arbiter.spawn(self.pulses.of(&format!("the event loop of {name}")));
            let slot = Slot {
                spec,
                arbiter,
                actor: None,
                work: Work::default(),
                generation: 0,
                failures: 0,
                started_at: self.started_at,
                restart_at: None,
                last_failure: None,
            };
            self.slots.insert(name, slot);
            self.start_partner(name, ctx);
        }
    }
}

impl Handler<PartnerDown> for Supervisor {
    type Result = ();

    fn handle(&mut self, message: PartnerDown, ctx: &mut Self::Context) {
        let PartnerDown { name, generation, reason } = message;
        let now = self.shared.now();
        let Some(slot) = self.slots.get_mut(name) else { return };
        if self.draining || slot.generation != generation {
            return;
        }
        // The results of its syncs have no receiver any more.
        slot.work.cancel.cancel();
        slot.actor = None;
        self.directory.set(name, None);
        slot.failures = if now - slot.started_at > HEALTHY_SPELL { 1 } else { slot.failures + 1 };
        let wait = Backoff::ACTOR.wait(slot.failures, rand::random());
        slot.restart_at =
            TimeDelta::from_std(wait).ok().and_then(|wait| now.checked_add_signed(wait));
        tracing::error!(
            partner.name = name,
            partner.generation = generation,
            reason,
            restart_in_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            "partner actor is down"
        );
        slot.last_failure = Some(ActorFailure { at: now, reason });
        self.restarts += 1;
        ctx.run_later(wait, move |supervisor, ctx| {
            if !supervisor.draining {
                supervisor.start_partner(name, ctx);
            }
        });
    }
}

impl Handler<Tree> for Supervisor {
    type Result = ResponseFuture<ActorTree>;

    fn handle(&mut self, _: Tree, _: &mut Self::Context) -> Self::Result {
        let uptime_s = (self.shared.now() - self.started_at).num_seconds();
        let supervisor = SupervisorTree { uptime_s, restarts: self.restarts };
        let nodes = join_all(self.slots.iter().map(|(name, slot)| slot.node(name)));
        Box::pin(async move { ActorTree { supervisor, partners: nodes.await } })
    }
}

impl Handler<Node> for Supervisor {
    type Result = ResponseFuture<Option<PartnerNode>>;

    fn handle(&mut self, Node(name): Node, _: &mut Self::Context) -> Self::Result {
        let node = self.slots.get_key_value(name).map(|(name, slot)| slot.node(name));
        Box::pin(async move { Some(node?.await) })
    }
}

impl Slot {
    /// What is known of the actor, and what it says of itself.
    fn node(&self, name: &'static str) -> impl Future<Output = PartnerNode> + use<> {
        let actor = self.actor.clone();
        let mut node = PartnerNode {
            partner: name,
            state: "restarting",
            generation: self.generation,
            restarts: self.generation.saturating_sub(1),
            started_at: self.started_at,
            restart_at: self.restart_at,
            last_failure: self.last_failure.clone(),
            actor: None,
        };
        async move {
            let Some(actor) = actor else { return node };
            match actor.send(GetStats).timeout(STATS_TIMEOUT).await {
                Ok(stats) => {
                    node.state = if stats.paused_since.is_some() { "paused" } else { "running" };
                    node.actor = Some(stats);
                }
                Err(MailboxError::Timeout) => node.state = "busy",
                Err(MailboxError::Closed) => {}
            }
            node
        }
    }
}

impl Handler<Drain> for Supervisor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        self.draining = true;
        let actors: Vec<_> = self.slots.values().filter_map(|slot| slot.actor.clone()).collect();
        let arbiters: Vec<_> =
            std::mem::take(&mut self.slots).into_values().map(|slot| slot.arbiter).collect();
        Box::pin(async move {
            let drained = actors.iter().map(|actor| actor.send(Drain).timeout(DRAIN_TIMEOUT));
            for result in join_all(drained).await {
                if result.is_err() {
                    tracing::warn!("a partner actor did not finish in time");
                }
            }
            drop(actors);
            let joined = tokio::task::spawn_blocking(|| {
                for arbiter in arbiters {
                    arbiter.stop();
                    // An arbiter whose thread panicked has ended as well.
                    drop(arbiter.join());
                }
            });
            drop(joined.await);
        })
    }
}
