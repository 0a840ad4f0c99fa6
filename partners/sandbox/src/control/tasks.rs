//! Work that takes a while, done on the sandbox's own thread.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError, mpsc};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::{Control, ControlError};

type Task = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// The way to the sandbox's thread.
pub(super) struct Tasks {
    sender: UnboundedSender<Task>,
    receiver: Mutex<Option<UnboundedReceiver<Task>>>,
}

impl Default for Tasks {
    fn default() -> Self {
        let (sender, receiver) = unbounded_channel();
        Self { sender, receiver: Mutex::new(Some(receiver)) }
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tasks").finish_non_exhaustive()
    }
}

/// Does what is asked for until the system ends. The receiver is taken at once, so that nobody waits
/// for a system that has ended before this was first polled.
pub(crate) fn run_tasks(control: &Control) -> impl Future<Output = ()> + use<> {
    let receiver =
        control.inner.tasks.receiver.lock().unwrap_or_else(PoisonError::into_inner).take();
    async move {
        let Some(mut receiver) = receiver else { return };
        while let Some(task) = receiver.recv().await {
            actix_rt::spawn(task());
        }
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
        let task: Task = Box::new(move || Box::pin(async move { report(work(control).await) }));
        self.inner.tasks.sender.send(task).map_err(|_| stopped())
    }
}
