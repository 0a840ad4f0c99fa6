//! What the database stands on, taken away and given back at random.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use partner_sandbox::Control;
use serde_json::{Value, json};

use crate::chance::Chance;
use crate::server::Server;

impl Chance {
    /// A length of time from `least` to `most` milliseconds.
    pub(crate) fn milliseconds(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.below((most - least + 1) as usize) as u64)
    }
}

/// Something that can be taken away.
pub(crate) trait Outage: Send {
    fn begin(&mut self, chance: &mut Chance);
    fn end(&mut self);
}

/// A PostgreSQL server that crashes: its processes end without a checkpoint.
pub(crate) struct ServerOutage(pub(crate) Server);

impl Outage for ServerOutage {
    fn begin(&mut self, _: &mut Chance) {
        self.0.stop("immediate");
    }

    fn end(&mut self) {
        self.0.begin();
    }
}

/// What partners answer now and then instead of what was asked for.
pub(crate) fn faults() -> Vec<Value> {
    vec![
        json!({"kind": "status", "status": 500}),
        json!({"kind": "status", "status": 503, "retry_after": 1}),
        json!({"kind": "status", "status": 429, "retry_after": 1}),
        json!({"kind": "html"}),
        json!({"kind": "empty"}),
        json!({"kind": "truncated"}),
        json!({"kind": "cut_json"}),
        json!({"kind": "close"}),
        json!({"kind": "hang"}),
    ]
}

/// From when to when, in real time since the sandbox started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) began: Duration,
    pub(crate) ended: Option<Duration>,
}

/// Outages at random, in a thread of their own, until [`Outages::end`].
pub(crate) struct Outages {
    spans: Arc<Mutex<Vec<Span>>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<Box<dyn Outage>>>,
}

impl Outages {
    pub(crate) fn begin(mut outage: Box<dyn Outage>, mut chance: Chance, control: Control) -> Self {
        let (stop, stopped) = channel();
        let spans: Arc<Mutex<Vec<Span>>> = Arc::default();
        let seen = Arc::clone(&spans);
        let thread = std::thread::spawn(move || {
            loop {
                let pause = chance.milliseconds(500, 6_000);
                if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                    return outage;
                }
                let began = control.elapsed();
                seen.lock().unwrap().push(Span { began, ended: None });
                outage.begin(&mut chance);
                let length = chance.milliseconds(20, 1_500);
                let goes_on = stopped.recv_timeout(length) == Err(RecvTimeoutError::Timeout);
                outage.end();
                seen.lock().unwrap().last_mut().unwrap().ended = Some(control.elapsed());
                if !goes_on {
                    return outage;
                }
            }
        });
        Self { spans, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap().clone()
    }

    /// Ends them for good. The database keeps what it stands on until the result is dropped.
    pub(crate) fn end(mut self) -> Option<Box<dyn Outage>> {
        self.stop();
        self.thread.take().map(|thread| thread.join().unwrap())
    }

    fn stop(&mut self) {
        self.stop = None;
    }
}

impl Drop for Outages {
    fn drop(&mut self) {
        self.stop();
        // A server that it has just begun is stopped with it.
        drop(self.thread.take().map(JoinHandle::join));
    }
}
