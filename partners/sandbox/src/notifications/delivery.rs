//! Sending what waits, in the background of a partner.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::client::{Outcome, Request, send};
use super::forge::{OTHER_SECRET, elsewhere};
use super::{Delivery, Job, Next, Notice, Notifies, Signing};
use crate::clock::Clock;
use crate::partner::Partner;

/// How many are sent to one partner's callback address at the same time.
const AT_ONCE: usize = 32;

/// How often it is asked whether something that waits for its time is due.
const TICK: Duration = Duration::from_millis(20);

/// Delivers a partner's notifications until the system ends.
pub(crate) async fn deliver(partner: Arc<Partner>, clock: Arc<Clock>) {
    let Some(wire) = partner.wire.notifies() else { return };
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    while let Ok(place) = Arc::clone(&gate).acquire_owned().await {
        let job = next(&partner, &clock).await;
        let (partner, clock) = (Arc::clone(&partner), Arc::clone(&clock));
        actix_rt::spawn(attempt(partner, clock, wire, job, place));
    }
}

async fn next(partner: &Partner, clock: &Clock) -> Job {
    loop {
        let next = partner.lock().notices.next(clock.now());
        match next {
            Next::Send(job) => return job,
            Next::Nothing => partner.posted.notified().await,
            Next::Later => {
                // Whichever is first: something new, or the time to look again.
                drop(actix_rt::time::timeout(TICK, partner.posted.notified()).await);
            }
        }
    }
}

async fn attempt(
    partner: Arc<Partner>,
    clock: Arc<Clock>,
    wire: &'static dyn Notifies,
    job: Job,
    place: OwnedSemaphorePermit,
) {
    let request = request(&partner, wire, &job.notice, clock.now());
    let (url, begun) = (request.url.clone(), Instant::now());
    let heard = send(request).await;
    let took = begun.elapsed();
    drop(place);
    let accepted = heard.status().is_some_and(|status| wire.accepts(status));
    let mut state = partner.lock();
    let account = state.accounts.get(job.notice.account);
    let delivery = Delivery {
        account: account.map_or_else(String::new, |account| account.name.clone()),
        url,
        body: job.notice.body.clone(),
        attempt: job.attempts + 1,
        status: heard.status(),
        accepted,
        ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        at: clock.now(),
    };
    state.notices.heard(wire, job, delivery, &heard, took);
    drop(state);
    // Another attempt may be due at once.
    if !matches!(heard, Outcome::Answer { .. } if accepted) {
        partner.posted.notify_one();
    }
}

/// The call that delivers a notification, signed now.
pub(super) fn request(
    partner: &Partner,
    wire: &dyn Notifies,
    notice: &Notice,
    now: i64,
) -> Request {
    let (signs, nonce) = {
        let notices = &mut partner.lock().notices;
        (notices.signs, notices.rng.hex(32))
    };
    let secret = if notice.forged { OTHER_SECRET } else { partner.app.client_secret.as_str() };
    let signing = Signing { secret, signs, now, nonce: &nonce };
    let mut headers = wire.headers(&signing, notice);
    headers.push(("Content-Type", notice.content_type.to_owned()));
    let forged_here = notice.forged && wire.is_unsigned();
    let url = match &notice.authorization {
        Some(_) if forged_here => {
            headers.push(("Authorization", format!("Bearer {OTHER_SECRET}")));
            notice.url.clone()
        }
        Some(secret) => {
            headers.push(("Authorization", secret.clone()));
            notice.url.clone()
        }
        None if forged_here => elsewhere(&notice.url),
        None => notice.url.clone(),
    };
    Request {
        method: "POST",
        url,
        headers,
        body: notice.body.clone(),
        time_limit: wire.time_limit(),
    }
}
