//! A partner that reads answers which anybody may have made: for fuzzers.

use std::sync::Arc;

use chrono_tz::Tz;

use super::harness::Harness;
use super::server::Canned;
use crate::{Feed, Page, Partner, PartnerError};

/// A partner, and a server that answers it.
pub struct Probe(Harness);

impl std::fmt::Debug for Probe {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Probe").field(&self.0.partner.manifest().name).finish()
    }
}

impl Probe {
    /// Starts the server.
    ///
    /// # Errors
    /// When the machine gives no port.
    pub async fn start(partner: Arc<dyn Partner>) -> Result<Self, String> {
        Harness::start(partner, Tz::UTC, Vec::new()).await.map(Self)
    }

    /// Reads the first page of a feed, with these answers to its calls. The inner error is what the partner
    /// made of them.
    ///
    /// # Errors
    /// When the partner panics or hangs.
    pub async fn poll(
        &self,
        feed: &'static Feed,
        answers: Vec<Canned>,
    ) -> Result<Result<Page, PartnerError>, String> {
        self.0.server.prepare(answers);
        self.0.poll(feed, None, None).await
    }
}
