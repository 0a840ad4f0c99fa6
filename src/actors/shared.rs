//! What all actors share.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Directory;
use crate::clock::Clock;
use crate::figures::Figures;
use crate::reception::Receptions;
use crate::scheduler::Policy;
use crate::settings;
use crate::store::Store;
use crate::telemetry::metrics::Metrics;

/// What all actors share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The partners and the actors that serve them.
    pub directory: Directory,
    /// Where everything is stored.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The scheduler's settings.
    pub scheduler: Arc<settings::Scheduler>,
    /// Which records are accepted.
    pub records: settings::Records,
    /// The activity groups.
    pub policy: Arc<Policy>,
    /// What is counted for people to look at.
    pub figures: Figures,
    /// Where partners' notifications arrive.
    pub receptions: Receptions,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Shared {
    /// The time.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}
