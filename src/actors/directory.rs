//! Where the web layer finds the actors.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use actix::Addr;

use super::PartnerActor;
use super::messages::PushWaits;
use crate::installed::InstalledPartner;
use crate::sync::Enqueued;

/// The installed partners and the actors that serve them now.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    specs: Arc<BTreeMap<&'static str, Arc<InstalledPartner>>>,
    actors: Arc<RwLock<BTreeMap<&'static str, Addr<PartnerActor>>>>,
}

impl Directory {
    /// Creates a directory of these partners, none of which is served yet.
    pub fn new(specs: impl IntoIterator<Item = InstalledPartner>) -> Self {
        let specs = specs.into_iter().map(|spec| (spec.name(), Arc::new(spec))).collect();
        Self { specs: Arc::new(specs), actors: Arc::default() }
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
        let actors = self.actors.read().unwrap_or_else(PoisonError::into_inner);
        actors.get(name).filter(|actor| actor.connected()).cloned()
    }

    /// Notifies the actors of these connections that something waits to be pushed. An actor that is
    /// not running finds it in the store when it starts.
    pub fn notify_enqueued<'a>(&self, enqueued: impl IntoIterator<Item = &'a Enqueued>) {
        for enqueued in enqueued {
            if let Some(actor) = self.actor(&enqueued.partner) {
                actor.do_send(PushWaits { connection: enqueued.connection });
            }
        }
    }

    pub(super) fn set(&self, name: &'static str, actor: Option<Addr<PartnerActor>>) {
        let mut actors = self.actors.write().unwrap_or_else(PoisonError::into_inner);
        match actor {
            Some(actor) => drop(actors.insert(name, actor)),
            None => drop(actors.remove(name)),
        }
    }
}
