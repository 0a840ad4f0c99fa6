//! A client of server-sent events.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::Value;

use crate::harness::HostApp;

/// An event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

/// An open stream.
pub(crate) struct Stream {
    response: Response,
    unread: Vec<u8>,
    /// The `id` of the first block: where the stream starts.
    pub(crate) start: String,
    pub(crate) retry: Option<u32>,
    /// Whether it ended as it should, and was not cut off.
    pub(crate) ended_well: bool,
}

/// A block of lines.
enum Block {
    Comment(String),
    Event(Event),
    Start(String, Option<u32>),
}

async fn ask(app: &HostApp, path: &str, last: Option<&str>) -> Option<Response> {
    let request = app.client.get(format!("{}{path}", app.address)).bearer_auth(&app.key);
    let request = match last {
        Some(last) => request.header("Last-Event-ID", last),
        None => request,
    };
    request.send().await.ok()
}

impl Stream {
    pub(crate) async fn open(app: &HostApp, path: &str, last: Option<&str>) -> Self {
        Self::try_open(app, path, last).await.unwrap()
    }

    /// Opens a stream of a daemon that may not be there.
    pub(crate) async fn try_open(app: &HostApp, path: &str, last: Option<&str>) -> Option<Self> {
        let response = ask(app, path, last).await?;
        if response.status() == 503 {
            return None;
        }
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let (start, retry) = (String::new(), None);
        let mut stream = Self { response, unread: Vec::new(), start, retry, ended_well: false };
        let Block::Start(start, retry) = stream.block().await? else { return None };
        (stream.start, stream.retry) = (start, retry);
        Some(stream)
    }

    /// Opens a stream that must be refused.
    pub(crate) async fn refused(
        app: &HostApp,
        path: &str,
        last: Option<&str>,
    ) -> (StatusCode, Value) {
        let response = ask(app, path, last).await.unwrap();
        let status = response.status();
        assert_ne!(status, 200);
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
    }

    /// The next event; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            let block = self.block().await?;
            assert!(!matches!(block, Block::Start(..)), "it starts again");
            if let Block::Event(event) = block {
                return Some(event);
            }
        }
    }

    /// The next events, which must come.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        while events.len() < count {
            let next = tokio::time::timeout(Duration::from_secs(60), self.next()).await;
            events.push(next.unwrap().unwrap());
        }
        events
    }

    /// The next comment.
    pub(crate) async fn comment(&mut self) -> String {
        match self.block().await {
            Some(Block::Comment(text)) => text,
            _ => "no comment".to_owned(),
        }
    }

    async fn block(&mut self) -> Option<Block> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|two| two == b"\n\n") {
                let rest = self.unread.split_off(end + 2);
                let block = std::mem::replace(&mut self.unread, rest);
                return Some(read(std::str::from_utf8(&block).unwrap()));
            }
            match self.response.chunk().await {
                Ok(Some(bytes)) => self.unread.extend(bytes),
                Ok(None) => {
                    assert!(self.unread.is_empty(), "half an event");
                    self.ended_well = true;
                    return None;
                }
                Err(_) => return None,
            }
        }
    }
}

fn read(block: &str) -> Block {
    let field = |name: &str| {
        let begins = format!("{name}: ");
        block.lines().find_map(|line| line.strip_prefix(&begins)).map(str::to_owned)
    };
    if let Some(comment) = block.strip_prefix(':') {
        return Block::Comment(comment.trim().to_owned());
    }
    let id = field("id").unwrap();
    match field("event") {
        Some(kind) => {
            let data = serde_json::from_str(&field("data").unwrap()).unwrap();
            Block::Event(Event { id, kind, data })
        }
        None => Block::Start(id, field("retry").and_then(|text| text.parse().ok())),
    }
}
