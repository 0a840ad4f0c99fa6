//! A server at our address, for tests of a partner's notifications against its simulator.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue};
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::server::{Received as Request, read_request};
use crate::{Callback, Hint, Partner, Received};

/// How long a simulator may take to notify.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes calls as the daemon does: reads them with the partner's notifier and answers. It stops when
/// dropped.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    partner: &'static str,
    log: Arc<Log>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Log {
    received: Mutex<Vec<Received>>,
    changed: Notify,
}

impl Receiver {
    /// Starts it for a partner, with the client secret of the application, our secret, and the
    /// simulator's clock.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(
        partner: impl Partner,
        client_secret: &str,
        secret: &str,
        clock: impl Fn() -> DateTime<Utc> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let log = Arc::<Log>::default();
        let name = partner.manifest().name;
        let desk = Arc::new(Desk {
            partner,
            path: format!("/notifications/{name}/address"),
            client_secret: SecretString::from(client_secret),
            secret: SecretString::from(secret),
            clock,
            log: Arc::clone(&log),
        });
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let desk = Arc::clone(&desk);
                // Who hangs up early is no concern of the others.
                tokio::spawn(async move { drop(desk.serve(stream).await) });
            }
        });
        Ok(Self { address, partner: name, log, accepting })
    }

    /// Our address.
    pub fn url(&self) -> String {
        format!("http://{}/notifications/{}/address", self.address, self.partner)
    }

    /// What was received so far.
    pub fn received(&self) -> Vec<Received> {
        self.log.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The hints so far, once there are `count`, or after ten seconds.
    pub async fn hints(&self, count: usize) -> Vec<Hint> {
        let hints = || -> Vec<Hint> {
            let hints = self.received().into_iter().filter_map(|received| match received {
                Received::Hints(hints) => Some(hints),
                _ => None,
            });
            hints.flatten().collect()
        };
        let there = async {
            loop {
                let changed = self.log.changed.notified();
                if hints().len() >= count {
                    break;
                }
                changed.await;
            }
        };
        // Without them the test fails by what is there.
        drop(tokio::time::timeout(PATIENCE, there).await);
        hints()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

struct Desk<P, C> {
    partner: P,
    path: String,
    client_secret: SecretString,
    secret: SecretString,
    clock: C,
    log: Arc<Log>,
}

impl<P: Partner, C: Fn() -> DateTime<Utc>> Desk<P, C> {
    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let Some(request) = read_request(&mut stream).await? else { return Ok(()) };
        let (status, body) = self.answer(&request);
        let head = format!(
            "HTTP/1.1 {status} Received\r\nconnection: close\r\ncontent-type: application/json\r\n"
        );
        // RFC 9110 §8.6: 204 has no content, and says nothing about its length.
        let length = match status {
            204 => String::new(),
            _ => format!("content-length: {}\r\n", body.len()),
        };
        let body = if request.method == "HEAD" { "" } else { &body };
        stream.write_all(format!("{head}{length}\r\n{body}").as_bytes()).await?;
        stream.shutdown().await
    }

    fn answer(&self, request: &Request) -> (u16, String) {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let (Some(notifier), true) = (self.partner.notifier(), path == self.path) else {
            return (404, String::new());
        };
        let query: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
            {
                headers.append(name, value);
            }
        }
        let received = notifier.read(&Callback {
            method: &request.method.parse().unwrap_or_default(),
            query: &query,
            headers: &headers,
            body: request.body.as_bytes(),
            client_secret: &self.client_secret,
            secret: &self.secret,
            issued_secret: None,
            now: (self.clock)(),
        });
        let answer = match &received {
            Received::Hints(_) => (notifier.rules().taken, String::new()),
            Received::Handshake(answer) => (answer.status, answer.json.clone().unwrap_or_default()),
            Received::Refused { status, .. } => (*status, String::new()),
        };
        self.log.received.lock().unwrap_or_else(PoisonError::into_inner).push(received);
        self.log.changed.notify_waiters();
        answer
    }
}
