//! The host app's end of the webhooks.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Takes webhooks of users until the bench ends.
pub(crate) struct Receiver {
    url: String,
    shared: Rc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// The users something is expected of, in quotes as JSON writes them, and since when.
    expected: RefCell<HashMap<String, Instant>>,
    times: RefCell<Vec<Duration>>,
    arrived: Notify,
}

impl Receiver {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/webhooks", listener.local_addr()?);
        let shared = Rc::new(Shared::default());
        let taking = Rc::clone(&shared);
        actix_rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Rc::clone(&taking);
                actix_rt::spawn(async move {
                    if let Err(error) = serve(stream, &shared).await {
                        println!("a webhook could not be read: {error:#}");
                    }
                });
            }
        });
        Ok(Self { url, shared })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// From now on a webhook about that user is waited for.
    pub(crate) fn expect(&self, user: &str) {
        self.shared.expected.borrow_mut().insert(format!("\"{user}\""), Instant::now());
    }

    /// Waits until all that was expected has arrived.
    pub(crate) async fn all_arrived(&self, within: Duration) -> anyhow::Result<()> {
        let all = async {
            while !self.shared.expected.borrow().is_empty() {
                self.shared.arrived.notified().await;
            }
        };
        let outcome = tokio::time::timeout(within, all).await;
        let missing = self.shared.expected.borrow().len();
        ensure!(outcome.is_ok(), "{missing} webhooks did not arrive within {within:?}");
        Ok(())
    }

    /// How long those that arrived took, since the last time they were taken.
    pub(crate) fn times(&self) -> Vec<Duration> {
        self.shared.times.take()
    }
}

/// Serves one connection, which is kept alive.
async fn serve(mut stream: TcpStream, shared: &Shared) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        };
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        let (_, length) = text.split_once("content-length:").context("no length")?;
        let length: usize = length.lines().next().unwrap_or_default().trim().parse()?;
        while bytes.len() < head + length {
            ensure!(stream.read_buf(&mut bytes).await? > 0, "half a webhook");
        }
        let arrived_at = Instant::now();
        let rest = bytes.split_off(head + length);
        arrived(shared, &String::from_utf8_lossy(&bytes), arrived_at);
        bytes = rest;
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
    }
}

/// Whatever form a webhook has, it names its users.
fn arrived(shared: &Shared, webhook: &str, at: Instant) {
    let mut expected = shared.expected.borrow_mut();
    expected.retain(|user, since| {
        let is_here = webhook.contains(user.as_str());
        if is_here {
            shared.times.borrow_mut().push(at.duration_since(*since));
        }
        !is_here
    });
    shared.arrived.notify_one();
}
