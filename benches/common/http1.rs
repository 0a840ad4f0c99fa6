//! A load generator for HTTP/1.1 that uses little processor time, as the daemon runs on the same
//! machine.
//!
//! Connections are kept alive. Responses are read completely and must be successful.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The timeout of a response, so that a bench always ends.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Creates the request with that number.
pub(crate) type Requests = Rc<dyn Fn(u64) -> Request>;

/// One request.
pub(crate) struct Request {
    /// Its method.
    pub(crate) method: &'static str,
    /// Path and query.
    pub(crate) path: String,
    /// A JSON body; empty for no body.
    pub(crate) body: String,
}

/// When requests start.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// Each connection sends its next request as soon as it has the response.
    Closed,
    /// This many per second, regardless of pending responses. Times count from when a request was
    /// due.
    Open(f64),
}

/// How requests are made.
#[derive(Clone)]
pub(crate) struct Plan {
    /// Host and port.
    pub(crate) address: String,
    /// The API key.
    pub(crate) key: String,
    /// Number of connections.
    pub(crate) connections: u64,
    /// When requests start.
    pub(crate) pace: Pace,
    /// The time before counting starts.
    pub(crate) warm_up: Duration,
    /// The time that is counted.
    pub(crate) window: Duration,
}

/// The result.
pub(crate) struct Answered {
    /// Requests per second.
    pub(crate) rate: f64,
    /// Response times in milliseconds, sorted.
    sorted: Vec<f64>,
}

impl Answered {
    /// The response time at this percentile, in milliseconds.
    pub(crate) fn percentile(&self, percent: f64) -> f64 {
        let index = (self.sorted.len() as f64 * percent / 100.0).ceil() as usize;
        self.sorted.get(index.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }
}

/// Sends requests as planned. Must run in a `LocalSet`.
pub(crate) async fn measure(plan: &Plan, requests: &Requests) -> anyhow::Result<Answered> {
    let next = Rc::new(std::cell::Cell::new(0));
    let began = Instant::now();
    let tasks: Vec<_> = (0..plan.connections)
        .map(|_| {
            let (plan, requests, next) = (plan.clone(), Rc::clone(requests), Rc::clone(&next));
            tokio::task::spawn_local(async move { work(&plan, &requests, &next, began).await })
        })
        .collect();
    let mut sorted = Vec::new();
    for task in tasks {
        sorted.extend(task.await??);
    }
    ensure!(!sorted.is_empty(), "there were no responses");
    sorted.sort_by(f64::total_cmp);
    Ok(Answered { rate: sorted.len() as f64 / plan.window.as_secs_f64(), sorted })
}

async fn work(
    plan: &Plan,
    requests: &Requests,
    next: &std::cell::Cell<u64>,
    began: Instant,
) -> anyhow::Result<Vec<f64>> {
    let mut line = Line::open(plan).await?;
    let end = plan.warm_up + plan.window;
    let mut took = Vec::new();
    loop {
        let number = next.get();
        next.set(number + 1);
        let due = match plan.pace {
            Pace::Closed => began.elapsed(),
            Pace::Open(rate) => Duration::from_secs_f64(number as f64 / rate),
        };
        if due >= end {
            return Ok(took);
        }
        // Only if needed: a timer rounds up to its next millisecond.
        if due > began.elapsed() {
            tokio::time::sleep_until((began + due).into()).await;
        }
        line.send(&requests(number)).await?;
        let answered = began.elapsed();
        if (plan.warm_up..end).contains(&answered) {
            took.push((answered - due).as_secs_f64() * 1e3);
        }
    }
}

/// Sends one request; returns its response body.
pub(crate) async fn once(plan: &Plan, request: &Request) -> anyhow::Result<serde_json::Value> {
    let mut line = Line::open(plan).await?;
    let body = line.send(request).await?;
    serde_json::from_slice(line.read.get(body).unwrap_or_default()).context("not JSON")
}

/// A keep-alive connection.
struct Line {
    stream: TcpStream,
    head: String,
    written: Vec<u8>,
    read: Vec<u8>,
}

impl Line {
    async fn open(plan: &Plan) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(&plan.address).await?;
        stream.set_nodelay(true)?;
        let head = format!(
            "host: {}\r\nauthorization: Bearer {}\r\naccept: application/json\r\n",
            plan.address, plan.key
        );
        Ok(Self { stream, head, written: Vec::new(), read: Vec::new() })
    }

    /// Sends a request and reads the response; returns the range of its body in `read`.
    async fn send(&mut self, request: &Request) -> anyhow::Result<std::ops::Range<usize>> {
        let answered = tokio::time::timeout(TIMEOUT, self.exchange(request)).await;
        answered.with_context(|| format!("{}: no response", request.path))?
    }

    async fn exchange(&mut self, request: &Request) -> anyhow::Result<std::ops::Range<usize>> {
        let Request { method, path, body } = request;
        self.written.clear();
        self.written.extend_from_slice(format!("{method} {path} HTTP/1.1\r\n").as_bytes());
        self.written.extend_from_slice(self.head.as_bytes());
        if !body.is_empty() {
            let about =
                format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
            self.written.extend_from_slice(about.as_bytes());
        }
        self.written.extend_from_slice(b"\r\n");
        self.written.extend_from_slice(body.as_bytes());
        self.stream.write_all(&self.written).await?;
        self.read.clear();
        let mut ends_at = None;
        while ends_at.is_none_or(|(_, end)| self.read.len() < end) {
            ensure!(self.stream.read_buf(&mut self.read).await? > 0, "{path}: cut off");
            if ends_at.is_none() {
                ends_at = judge(&self.read, path)?;
            }
        }
        let (begin, end) = ends_at.unwrap_or_default();
        Ok(begin..end)
    }
}

/// Where the body begins and ends, once the head is complete.
fn judge(read: &[u8], path: &str) -> anyhow::Result<Option<(usize, usize)>> {
    let Some(head) = read.windows(4).position(|end| end == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(read.get(..head).unwrap_or_default())?.to_ascii_lowercase();
    if !text.starts_with("http/1.1 2") {
        bail!("{path}: {}", text.lines().next().unwrap_or_default());
    }
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.context("the response has no content-length")?.trim().parse()?;
    Ok(Some((head + 4, head + 4 + length)))
}
