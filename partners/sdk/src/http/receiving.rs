//! Receives an answer: within the time of a call, and within the room for its body.

use std::time::Duration;

use tokio::time::Instant;

use super::budget::{FREE, MAX_BODY_BYTES};
use super::{Reply, Session, bounds};
use crate::error::PartnerError;

/// The time that a call may take.
struct Time {
    limit: Duration,
    ends_at: Instant,
}

impl Time {
    fn new(limit: Duration) -> Self {
        Self { limit, ends_at: Instant::now() + limit }
    }

    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, reqwest::Error>>,
    ) -> Result<T, PartnerError> {
        let done = tokio::time::timeout_at(self.ends_at, work).await;
        let done = done.map_err(|_| {
            let seconds = self.limit.as_secs_f32();
            PartnerError::Transient(format!("no complete answer within {seconds} s").into())
        })?;
        done.map_err(describe)
    }

    /// Waits for what is not the partner's to give.
    async fn pause(&mut self, wait: impl Future<Output = ()>) {
        let began = Instant::now();
        wait.await;
        self.ends_at += began.elapsed();
    }
}

pub(super) async fn receive(
    session: &Session,
    request: reqwest::RequestBuilder,
) -> Result<Reply, PartnerError> {
    let mut time = Time::new(session.timeout);
    let mut response = time.within(request.send()).await?;
    let mut body = Vec::new();
    // Held by one call of the session at a time, and only while a long body is read.
    let mut room = None;
    let mut size = FREE;
    while let Some(chunk) = time.within(response.chunk()).await? {
        let length = body.len() + chunk.len();
        if length > MAX_BODY_BYTES {
            let mib = MAX_BODY_BYTES / 1024 / 1024;
            return Err(PartnerError::Malformed(
                format!("the answer is larger than {mib} MiB").into(),
            ));
        }
        if length > size {
            let room = &mut room;
            let wait = async {
                let room = match room {
                    Some(room) => room,
                    None => room.insert(session.room.lock().await),
                };
                room.grow(length, &session.budget).await;
                size = room.size();
            };
            time.pause(session.gate.wait_for_room(std::pin::pin!(wait))).await;
            body.reserve_exact(size - body.len());
        }
        body.extend_from_slice(&chunk);
    }
    let status = response.status();
    if let Err(error) = bounds::check(&body) {
        if status.is_success() {
            return Err(error);
        }
        // The status says enough.
        body = Vec::new();
    }
    let headers = response.headers().clone();
    Ok(Reply { status: status.as_u16(), headers, body: body.into() })
}

/// Describes the failure without the URL: paths and parameters may identify a user.
fn describe(error: reqwest::Error) -> PartnerError {
    let what = if error.is_timeout() {
        "connecting took too long"
    } else if error.is_connect() {
        "no connection could be made"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off or could not be decoded"
    } else if error.is_builder() {
        return PartnerError::Malformed("the address of the call is not valid".into());
    } else {
        "the connection broke before an answer came"
    };
    PartnerError::Transient(what.into())
}
