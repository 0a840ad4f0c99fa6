//! The body of a stream: server-sent events as they come, and a comment when none has come for long.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::web::{Bytes, Data};
use chrono::{DateTime, Utc};
use futures_util::Stream;
use tokio::time::{Instant, Sleep};

use super::stream_reader::{Page, read_earlier};
use crate::feed::{Listener, Next};
use crate::web::State;

/// A comment is sent when nothing else was for this long: proxies end connections without traffic.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The most bytes that are passed on at once: the connection copies them, and there are many.
const PIECE: usize = 16 * 1_024;

type Read = Pin<Box<dyn Future<Output = Result<Page, ()>>>>;

/// See the module.
pub(super) struct StreamBody {
    state: Data<State>,
    listener: Listener,
    /// What is sent next: at first, where the stream starts.
    unsent: Bytes,
    /// When it ends, with the token that it was opened with or after the longest time of a key.
    expires_at: DateTime<Utc>,
    reading: Option<Read>,
    timer: Pin<Box<Sleep>>,
    has_ended: bool,
}

impl StreamBody {
    pub(super) fn new(
        state: Data<State>,
        listener: Listener,
        unsent: Bytes,
        expires_at: DateTime<Utc>,
    ) -> Self {
        let timer = Box::pin(tokio::time::sleep(Duration::ZERO));
        Self { state, listener, unsent, expires_at, reading: None, timer, has_ended: false }
    }

    fn send(&mut self, mut text: Bytes) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.unsent = text.split_off(text.len().min(PIECE));
        let left = (self.expires_at - self.state.now()).to_std().unwrap_or_default();
        let wait = left.min(KEEP_ALIVE);
        self.timer.as_mut().reset(Instant::now() + wait);
        Poll::Ready(Some(Ok(text)))
    }

    fn has_expired(&self) -> bool {
        self.expires_at <= self.state.now()
    }

    fn end(&mut self) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.has_ended = true;
        let comment =
            ": its time is over; open it again, with a new token if it was opened with one\n\n";
        Poll::Ready(Some(Ok(Bytes::from_static(comment.as_bytes()))))
    }

    /// The next text of the feed; `None` at the end.
    fn poll_feed(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let read = ready!(reading.as_mut().poll(context));
                self.reading = None;
                // The listener comes back, and goes on where it was.
                let Ok(Page { text, last, more }) = read else { return Poll::Ready(None) };
                self.listener.has_read(last, more);
                if !text.is_empty() {
                    return Poll::Ready(Some(text));
                }
            }
            match ready!(self.listener.poll_next(context)) {
                Next::Text(text) => return Poll::Ready(Some(text)),
                Next::End => return Poll::Ready(None),
                Next::Read => {
                    let (after, user) = (self.listener.position(), self.listener.user().cloned());
                    let state = State::clone(&self.state);
                    self.reading = Some(Box::pin(read_earlier(state, after, user)));
                }
            }
        }
    }
}

impl Stream for StreamBody {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.has_ended {
            return Poll::Ready(None);
        }
        if !this.unsent.is_empty() {
            let text = std::mem::take(&mut this.unsent);
            return this.send(text);
        }
        if this.has_expired() {
            return this.end();
        }
        if let Poll::Ready(next) = this.poll_feed(context) {
            return match next {
                Some(text) => this.send(text),
                None => Poll::Ready(None),
            };
        }
        ready!(this.timer.as_mut().poll(context));
        if this.has_expired() {
            return this.end();
        }
        this.send(Bytes::from_static(b":\n\n"))
    }
}
