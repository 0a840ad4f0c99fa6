//! Events out, by Standard Webhooks.
//!
//! The change feed is the outbox: an endpoint is a position in it. Its task (`runner.rs`) reads on from
//! there, begins messages (`planning.rs`), chooses which are sent together (`choice.rs`), sends them
//! (`sender.rs`), judges the answers (`verdict.rs`) and stores what became of them (`ending.rs`). A
//! message is a range of the feed with an id, stored before it is sent: it keeps its id, whatever
//! happens. A message that fails by itself makes only later changes of its user wait.

mod choice;
mod deliverer;
mod ending;
mod heard;
mod payload;
mod planning;
mod runner;
mod schedule;
mod sender;
mod signature;
mod target;
mod types;
mod verdict;

use std::rc::Rc;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::deliverer::Deliverer;
pub use self::deliverer::{DelivererTree, TaskFailure};
pub use self::payload::{Shown, Views};
use self::runner::With;
pub use self::schedule::DISABLED_AFTER;
use self::sender::Sender;
pub use self::signature::new_secret;
pub use self::target::checked_target;
pub use self::types::{changes_of, event_type, event_types, is_pattern};
pub use self::verdict::Answer;
use crate::clock::Clock;
use crate::figures::Figures;
use crate::settings;
use crate::store::{Store, WebhookEndpoint};
use crate::telemetry::metrics::WebhookMetrics;

/// A handle to the deliverer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Events {
    settings: Arc<settings::Events>,
    /// What sends, made once: tests use the connections of deliveries.
    sender: Arc<OnceLock<Sender>>,
    changed: watch::Sender<u64>,
    stop: CancellationToken,
    tree: Arc<Mutex<DelivererTree>>,
    metrics: WebhookMetrics,
}

/// The deliverer while it runs.
#[derive(Debug)]
pub struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Events {
    /// A handle to a deliverer that does not run yet.
    pub fn new(settings: settings::Events, metrics: WebhookMetrics) -> Self {
        Self {
            settings: Arc::new(settings),
            sender: Arc::default(),
            changed: watch::Sender::new(0),
            stop: CancellationToken::new(),
            tree: Arc::default(),
            metrics,
        }
    }

    /// Starts delivering, as tasks of this thread.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn start(
        &self,
        store: Store,
        clock: Arc<dyn Clock>,
        figures: Figures,
        views: Rc<dyn Views>,
    ) -> Result<Running, reqwest::Error> {
        let with = With {
            store,
            views,
            sender: self.sender()?,
            clock,
            figures,
            changed: self.changed.subscribe(),
            stop: self.stop.clone(),
            metrics: self.metrics.clone(),
        };
        let deliverer = Deliverer::new(with, Arc::clone(&self.tree));
        let task = tokio::task::spawn_local(deliverer.run());
        Ok(Running { stop: self.stop.clone(), task })
    }

    /// Tells the deliverer that endpoints were changed.
    pub fn endpoints_changed(&self) {
        self.changed.send_modify(|times| *times += 1);
    }

    /// Whether private addresses are allowed.
    pub fn allows_private_targets(&self) -> bool {
        self.settings.allow_private_targets
    }

    /// Sends a test to an endpoint, now and once. Returns how that ended and how long it took.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub async fn test(
        &self,
        endpoint: &WebhookEndpoint,
        now: DateTime<Utc>,
    ) -> Result<(String, Answer, Duration), reqwest::Error> {
        let (id, body) = (planning::message_id(), payload::test_body(&endpoint.id, now));
        let (answer, took) = self.sender()?.send(endpoint, &id, body, now).await;
        Ok((id, answer, took))
    }

    fn sender(&self) -> Result<Sender, reqwest::Error> {
        if let Some(sender) = self.sender.get() {
            return Ok(sender.clone());
        }
        let made = Sender::new(&self.settings)?;
        Ok(self.sender.get_or_init(|| made).clone())
    }

    /// What runs.
    pub fn tree(&self) -> DelivererTree {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Running {
    /// Stops delivering; what is being sent has a moment to end.
    pub async fn stop(self) {
        self.stop.cancel();
        // It ends by itself, also after a panic.
        drop(self.task.await);
    }
}
