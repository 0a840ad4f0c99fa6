//! Work that takes a while, done on the sandbox's own thread.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError, mpsc};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::{Control, ControlError};

type Errand = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// The way to the sandbox's thread.
pub(super) struct Errands {
    sender: UnboundedSender<Errand>,
    receiver: Mutex<Option<UnboundedReceiver<Errand>>>,
}

impl Default for Errands {
    fn default() -> Self {
        let (sender, receiver) = unbounded_channel();
        Self { sender, receiver: Mutex::new(Some(receiver)) }
    }
}

impl fmt::Debug for Errands {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Errands").finish_non_exhaustive()
    }
}

/// Does what is asked for until the system ends.
pub(crate) async fn run_errands(control: Control) {
    let receiver = &control.inner.errands.receiver;
    let Some(mut receiver) = receiver.lock().unwrap_or_else(PoisonError::into_inner).take() else {
        return;
    };
    while let Some(errand) = receiver.recv().await {
        actix_rt::spawn(errand());
    }
}

fn stopped() -> ControlError {
    ControlError::Invalid("the sandbox has stopped".to_owned())
}

impl Control {
    /// Has it done and waits for it, without a runtime.
    pub(super) fn wait_for<T, F>(
        &self,
        work: impl FnOnce(Self) -> F + Send + 'static,
    ) -> Result<T, ControlError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ControlError>> + 'static,
    {
        let (sender, receiver) = mpsc::channel();
        self.send_off(work, move |done| drop(sender.send(done)))?;
        receiver.recv().map_err(|_| stopped())?
    }

    /// The same in a task.
    pub(super) async fn done<T, F>(
        &self,
        work: impl FnOnce(Self) -> F + Send + 'static,
    ) -> Result<T, ControlError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ControlError>> + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        self.send_off(work, move |done| drop(sender.send(done)))?;
        receiver.await.map_err(|_| stopped())?
    }

    fn send_off<T, F>(
        &self,
        work: impl FnOnce(Self) -> F + Send + 'static,
        report: impl FnOnce(Result<T, ControlError>) + Send + 'static,
    ) -> Result<(), ControlError>
    where
        T: 'static,
        F: Future<Output = Result<T, ControlError>> + 'static,
    {
        let control = self.clone();
        let errand: Errand = Box::new(move || Box::pin(async move { report(work(control).await) }));
        self.inner.errands.sender.send(errand).map_err(|_| stopped())
    }
}
