//! Where the web layer finds the actors.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix::Addr;
use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::PartnerActor;
use super::messages::PushWaits;
use crate::installed::InstalledPartner;
use crate::sync::Enqueued;
use crate::telemetry::traces::TraceContext;

/// The installed partners and the actors that serve them now.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    specs: Arc<BTreeMap<&'static str, Arc<InstalledPartner>>>,
    /// Watched by those who wait for an actor that is about to start.
    actors: Arc<watch::Sender<BTreeMap<&'static str, Addr<PartnerActor>>>>,
    /// The partners that the administrator has paused, and since when.
    paused: Arc<RwLock<BTreeMap<&'static str, DateTime<Utc>>>>,
}

impl Directory {
    /// Creates a directory of these partners, none of which is served yet.
    pub fn new(specs: impl IntoIterator<Item = InstalledPartner>) -> Self {
        let specs = specs.into_iter().map(|spec| (spec.name(), Arc::new(spec))).collect();
        Self { specs: Arc::new(specs), ..Self::default() }
    }

    /// The installed partners, by name.
    pub fn specs(&self) -> impl Iterator<Item = &Arc<InstalledPartner>> {
        self.specs.values()
    }

    /// An installed partner.
    pub fn spec(&self, name: &str) -> Option<&Arc<InstalledPartner>> {
        self.specs.get(name)
    }

    /// The actor that serves a partner; `None` while it is being restarted.
    pub fn actor(&self, name: &str) -> Option<Addr<PartnerActor>> {
        let actors = self.actors.borrow();
        actors.get(name).filter(|actor| actor.connected()).cloned()
    }

    /// As [`Directory::actor`], but waits for an actor that is about to start, at most this long.
    pub async fn await_actor(&self, name: &str, timeout: Duration) -> Option<Addr<PartnerActor>> {
        let mut actors = self.actors.subscribe();
        let is_there =
            |actors: &BTreeMap<_, Addr<_>>| actors.get(name).is_some_and(Addr::connected);
        let found = tokio::time::timeout(timeout, actors.wait_for(is_there)).await;
        found.ok()?.ok()?.get(name).cloned()
    }

    /// Notifies the actors of these connections that something waits to be pushed. An actor that is
    /// not running finds it in the store when it starts.
    pub fn notify_enqueued<'a>(&self, enqueued: impl IntoIterator<Item = &'a Enqueued>) {
        for enqueued in enqueued {
            if let Some(actor) = self.actor(&enqueued.partner) {
                let trace = TraceContext::current();
                actor.do_send(PushWaits { connection: enqueued.connection, trace });
            }
        }
    }

    /// Since when a partner is paused, if it is. Known as soon as its actor has begun to work.
    pub fn paused_since(&self, name: &str) -> Option<DateTime<Utc>> {
        self.paused.read().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }

    pub(super) fn set_paused(&self, name: &'static str, since: Option<DateTime<Utc>>) {
        let mut paused = self.paused.write().unwrap_or_else(PoisonError::into_inner);
        match since {
            Some(since) => drop(paused.insert(name, since)),
            None => drop(paused.remove(name)),
        }
    }

    pub(super) fn set(&self, name: &'static str, actor: Option<Addr<PartnerActor>>) {
        self.actors.send_modify(|actors| match actor {
            Some(actor) => drop(actors.insert(name, actor)),
            None => drop(actors.remove(name)),
        });
    }
}
