//! A receiver of webhooks: it keeps what it gets, and answers as a test says.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use standardwebhooks::Webhook;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::eventually;

/// A message as it came.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) headers: HeaderMap,
    pub(crate) raw: Vec<u8>,
    pub(crate) body: Value,
    pub(crate) at: Instant,
    /// What it was answered with.
    pub(crate) status: u16,
}

impl Message {
    pub(crate) fn id(&self) -> String {
        self.headers["webhook-id"].to_str().unwrap().to_owned()
    }

    pub(crate) fn signatures(&self) -> usize {
        self.headers["webhook-signature"].to_str().unwrap().split(' ').count()
    }

    /// Whether a library that is not ours accepts the signature.
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        Webhook::new(secret).unwrap().verify(&self.raw, &self.headers).is_ok()
    }

    /// Its changes: one, or many.
    pub(crate) fn changes(&self) -> Vec<Value> {
        match self.body["data"]["changes"].as_array() {
            Some(changes) => changes.clone(),
            None => {
                let mut change = self.body["data"].clone();
                change["type"] = self.body["type"].clone();
                vec![change]
            }
        }
    }

    /// The name of each of its changes.
    pub(crate) fn names(&self) -> Vec<String> {
        self.changes().iter().map(name_of).collect()
    }

    /// Whether it has changes of a user.
    pub(crate) fn is_about(&self, user: &str) -> bool {
        self.changes().iter().any(|change| change["user_id"] == user)
    }
}

/// `user:name` of a change of a record, by the host app's or the partner's name of it.
fn name_of(change: &Value) -> String {
    let source = &change["record"]["source"];
    let name = source["app"].as_str().or(source["id"].as_str()).unwrap_or("connection");
    format!("{}:{name}", change["user_id"].as_str().unwrap())
}

/// What to answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: String,
    hangs: bool,
    /// How long it takes.
    after: Duration,
    /// Whether the connection ends before it is sent.
    is_lost: bool,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        let (after, is_lost) = (Duration::ZERO, false);
        Self { status, headers: String::new(), hangs: false, after, is_lost }
    }

    pub(crate) fn with(self, header: &str) -> Self {
        Self { headers: format!("{}{header}\r\n", self.headers), ..self }
    }

    pub(crate) fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    /// The connection ends instead.
    pub(crate) fn lost(self) -> Self {
        Self { is_lost: true, ..self }
    }

    /// No answer at all.
    pub(crate) fn never() -> Self {
        Self { hangs: true, ..Self::status(0) }
    }
}

type Replies = Box<dyn Fn(&Message) -> Reply + Send>;

/// See the module.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    got: Arc<Mutex<Vec<Message>>>,
    replies: Arc<Mutex<Replies>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/hooks?key=hidden-key", listener.local_addr().unwrap());
        let replies: Replies = Box::new(|_| Reply::status(204));
        let receiver = Self { url, got: Arc::default(), replies: Arc::new(Mutex::new(replies)) };
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let receiver = serving.clone();
                tokio::spawn(async move { drop(Box::pin(receiver.serve(stream)).await) });
            }
        });
        receiver
    }

    pub(crate) fn replies(&self, replies: impl Fn(&Message) -> Reply + Send + 'static) {
        *self.replies.lock().unwrap() = Box::new(replies);
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut buffer = Vec::new();
        while let Some(mut message) = read(&mut stream, &mut buffer).await? {
            let reply = (self.replies.lock().unwrap())(&message);
            message.status = reply.status;
            self.got.lock().unwrap().push(message);
            if reply.hangs {
                tokio::time::sleep(Duration::from_secs(120)).await;
                return Ok(());
            }
            tokio::time::sleep(reply.after).await;
            if reply.is_lost {
                return Ok(());
            }
            let length = if reply.status == 204 { "" } else { "content-length: 0\r\n" };
            let head = format!("HTTP/1.1 {} X\r\n{length}{}\r\n", reply.status, reply.headers);
            stream.write_all(head.as_bytes()).await?;
        }
        Ok(())
    }

    /// All that came.
    pub(crate) fn got(&self) -> Vec<Message> {
        self.got.lock().unwrap().clone()
    }

    /// All that was taken, each message once.
    pub(crate) fn taken(&self) -> Vec<Message> {
        let mut ids = HashSet::new();
        let taken = self.got().into_iter().filter(|message| (200..300).contains(&message.status));
        taken.filter(|message| ids.insert(message.id())).collect()
    }

    /// The names of what was taken of a user's, in their order.
    pub(crate) fn names(&self, user: &str) -> Vec<String> {
        let changes = self.taken().into_iter().flat_map(|message| message.changes());
        changes.filter(|change| change["user_id"] == user).map(|change| name_of(&change)).collect()
    }

    /// Waits until it has taken these of a user, in this order, and no others.
    pub(crate) async fn takes(&self, user: &str, expected: &[String]) {
        let came = eventually(async || self.names(user).len() >= expected.len()).await;
        assert!(came, "{user}: {:?}", self.names(user));
        assert_eq!(self.names(user), expected);
    }

    /// Waits until this many messages came.
    pub(crate) async fn gets(&self, count: usize) {
        let came = eventually(async || self.got().len() >= count).await;
        assert!(came, "{} of {count} came", self.got().len());
    }
}

/// Reads a request with a body of known length.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<Message>> {
    let end = |buffer: &[u8]| buffer.windows(4).position(|four| four == b"\r\n\r\n");
    let mut chunk = vec![0; 64 * 1024];
    loop {
        if let Some(end) = end(buffer) {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
            let headers: HeaderMap = lines
                .map(|(name, value)| {
                    (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
                })
                .collect();
            let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
            if buffer.len() >= end + 4 + length {
                let raw = buffer[end + 4..end + 4 + length].to_vec();
                buffer.drain(..end + 4 + length);
                let body = serde_json::from_slice(&raw).unwrap();
                return Ok(Some(Message { headers, raw, body, at: Instant::now(), status: 0 }));
            }
        }
        let read = stream.read(&mut chunk).await?;
        if read == 0 {
            return Ok(None);
        }
        buffer.extend(&chunk[..read]);
    }
}
