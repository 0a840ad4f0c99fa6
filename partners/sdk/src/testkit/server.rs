//! A server that responds from a script. Uses raw TCP, so that a response can break off.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(super) const API_URL: &str = "http://api.partner.test/base";

const MAX_REQUEST_BYTES: usize = 1024 * 1024;

/// A prepared response.
#[derive(Clone, Debug)]
pub struct Canned {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    fault: Fault,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    BreakOff,
    HangUp,
}

impl Canned {
    /// A response with a body of this type.
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self { status, headers, body: body.into(), fault: Fault::None }
    }

    /// A JSON response.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, "application/json", body)
    }

    /// A plain text response.
    pub fn text(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, "text/plain", body)
    }

    /// A web page, as an intermediary sends it in an outage.
    pub fn page(status: u16) -> Self {
        Self::new(status, "text/html; charset=utf-8", "<!doctype html><h1>Be right back</h1>")
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same, broken off in the middle of the body.
    #[must_use]
    pub fn broken_off(self) -> Self {
        Self { fault: Fault::BreakOff, ..self }
    }

    /// No response: the connection is closed after the request was read.
    pub fn hang_up() -> Self {
        Self { status: 0, headers: Vec::new(), body: Vec::new(), fault: Fault::HangUp }
    }

    /// The body, as text.
    pub(super) fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The same with another body.
    pub(super) fn with_body(&self, body: &str) -> Self {
        Self { body: body.into(), ..self.clone() }
    }

    /// The names of the headers except the content type.
    pub(super) fn own_headers(&self) -> Vec<String> {
        let names = self.headers.iter().map(|(name, _)| name.clone());
        names.filter(|name| !name.eq_ignore_ascii_case("content-type")).collect()
    }

    /// The same with another value of a header, or without it.
    pub(super) fn with_header(&self, name: &str, value: Option<&str>) -> Self {
        let mut changed = self.clone();
        changed.headers.retain(|(known, _)| known != name);
        changed.headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        changed
    }

    pub(super) fn reply(&self) -> crate::Reply {
        let mut headers = crate::HeaderMap::new();
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) =
                (::http::HeaderName::from_bytes(name.as_bytes()), value.parse())
            {
                headers.append(name, value);
            }
        }
        crate::Reply { status: self.status, headers, body: self.body.clone().into() }
    }

    fn wire(&self) -> Vec<u8> {
        let (length, sent) = match self.fault {
            Fault::None => (self.body.len(), self.body.len()),
            Fault::BreakOff => (self.body.len() + 64, self.body.len() / 2),
            Fault::HangUp => return Vec::new(),
        };
        let mut wire = format!("HTTP/1.1 {} Scripted\r\nconnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            wire.push_str(&format!("{name}: {value}\r\n"));
        }
        wire.push_str(&format!("content-length: {length}\r\n\r\n"));
        let mut wire = wire.into_bytes();
        wire.extend(self.body.iter().take(sent));
        wire
    }
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) method: String,
    /// The complete URL, as a proxy sees it.
    pub(super) target: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Responses to calls for single items, in any order and any number of times.
#[derive(Clone, Debug, Default)]
pub(super) struct Details {
    /// The prefix of the paths of such calls; no call matches if it is empty.
    pub(super) below: String,
    /// Paths and their responses; any other path gets HTTP 404.
    pub(super) items: Vec<(String, Canned)>,
}

impl Details {
    fn answer(&self, request: &Received) -> Option<Canned> {
        let path = request.target.strip_prefix(API_URL)?.split('?').next()?;
        if self.below.is_empty() || !path.starts_with(&self.below) {
            return None;
        }
        let found = self.items.iter().find(|(known, _)| known == path);
        Some(found.map_or_else(|| Canned::json(404, "{}"), |(_, answer)| answer.clone()))
    }
}

#[derive(Default)]
struct Script {
    answers: VecDeque<Canned>,
    details: Details,
    received: Vec<Received>,
    beyond: bool,
}

/// The server. It stops when dropped.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    script: Arc<Mutex<Script>>,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let script = Arc::<Mutex<Script>>::default();
        let shared = Arc::clone(&script);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let script = Arc::clone(&shared);
                // Some cases test a client that disconnects early.
                tokio::spawn(async move { drop(serve(stream, &script).await) });
            }
        });
        Ok(Self { address, script, accepting })
    }

    /// Sets the responses to the next calls, in order, and clears the received calls.
    pub(super) fn prepare(&self, answers: impl IntoIterator<Item = Canned>) {
        let mut script = lock(&self.script);
        let details = std::mem::take(&mut script.details);
        *script = Script { answers: answers.into_iter().collect(), details, ..Script::default() };
    }

    /// Sets the responses to calls for single items, apart from the script.
    pub(super) fn set_details(&self, details: Details) {
        lock(&self.script).details = details;
    }

    /// What was received since the last [`Server::prepare`].
    pub(super) fn received(&self) -> Vec<Received> {
        lock(&self.script).received.clone()
    }

    /// The number of responses that are not used yet.
    pub(super) fn answers_left(&self) -> usize {
        lock(&self.script).answers.len()
    }

    /// Whether there were more calls than responses.
    pub(super) fn asked_beyond(&self) -> bool {
        lock(&self.script).beyond
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(mut stream: TcpStream, script: &Mutex<Script>) -> io::Result<()> {
    let Some(request) = read_request(&mut stream).await? else { return Ok(()) };
    let tunnel = request.method == "CONNECT";
    let answer = {
        let mut script = lock(script);
        let detail = script.details.answer(&request);
        script.received.push(request);
        // A call to an https URL asks for a tunnel. Such a URL is not one of the partner's.
        let answer = if tunnel { None } else { detail.or_else(|| script.answers.pop_front()) };
        script.beyond |= answer.is_none() && !tunnel;
        answer.unwrap_or_else(|| Canned::text(500, "nothing is prepared for this call"))
    };
    stream.write_all(&answer.wire()).await?;
    stream.shutdown().await
}

pub(super) async fn read_request(stream: &mut TcpStream) -> io::Result<Option<Received>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(request) = parse(&bytes) {
            return Ok(Some(request));
        }
        if stream.read_buf(&mut bytes).await? == 0 || bytes.len() > MAX_REQUEST_BYTES {
            return Ok(None);
        }
    }
}

/// The request, once all of it is there.
fn parse(bytes: &[u8]) -> Option<Received> {
    let head_length = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, rest) = bytes.split_at_checked(head_length)?;
    let head = String::from_utf8_lossy(head).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut request = Received { method, target, headers, body: String::new() };
    let length = request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let body = rest.get(4..)?.get(..length)?;
    request.body = String::from_utf8_lossy(body).into_owned();
    Some(request)
}
