//! Reads the change feed for streams: new changes once for all of them, and earlier ones for those that
//! go on from an earlier place or did not keep up.

use std::time::Duration;

use actix_web::web::Bytes;

use super::changes::{ChangeView, view};
use crate::feed::Event;
use crate::model::UserId;
use crate::scheduler::Backoff;
use crate::store::{Change, ChangeOf, StoreError};
use crate::web::{Problem, State};

/// How many new changes are read at once.
const NEW: i64 = 256;

/// How many earlier ones: each listener that reads them holds a page until it is sent.
const EARLIER: i64 = 64;

/// The pause after changes were handed out, for each of those who got them. They are then sent, and
/// what comes meanwhile goes out together.
const REST_FOR_EACH: Duration = Duration::from_micros(10);
const LONGEST_REST: Duration = Duration::from_millis(200);

/// The pause after a read that failed.
const RETRY: Duration = Duration::from_millis(500);

/// Earlier changes for one listener.
pub(super) struct Page {
    pub(super) text: Bytes,
    /// The number of the last one.
    pub(super) last: i64,
    pub(super) more: bool,
}

/// Hands out new changes until the daemon stops. Where it fails again and again, all who listen read that
/// part for themselves, and it goes on behind it.
pub(in crate::web) async fn hand_out_changes(state: State) {
    let hub = &state.streams.hub;
    let mut failures = Failures::default();
    loop {
        match actix_web::rt::spawn(hand_out(state.clone())).await {
            Ok(Ok(())) => return,
            Ok(Err(())) => tracing::error!("what streams get could not be encoded"),
            Err(_) => {
                tracing::error!("what streams get could not be read; the log has the place");
            }
        }
        let reading = hub.try_reading();
        let times = reading.map_or(1, |reading| failures.count(reading.after));
        if let Some(reading) = reading.filter(|_| times >= PATIENCE)
            && let Ok(found) = state.store().changes_after(reading.after, None, NEW).await
            && let Some(last) = found.rows.last()
        {
            let (from, to) = (reading.after, last.place.seq);
            tracing::error!(
                from,
                to,
                "streams read these changes one by one: together they failed"
            );
            hub.pass_over(reading, to);
        }
        tokio::time::sleep(Backoff::ACTOR.wait(times, rand::random())).await;
    }
}

/// How often the reader may fail at one place.
const PATIENCE: u32 = 4;

/// How often it has failed at the place where it is.
#[derive(Default)]
struct Failures {
    at: i64,
    times: u32,
}

impl Failures {
    fn count(&mut self, at: i64) -> u32 {
        if self.at != at {
            *self = Self { at, times: 0 };
        }
        self.times += 1;
        self.times
    }
}

async fn hand_out(state: State) -> Result<(), ()> {
    let mut feed = state.store().feed_moved();
    let hub = &state.streams.hub;
    loop {
        let reading = hub.reading().await;
        feed.mark_unchanged();
        let read = state.store().changes_after(reading.after, None, NEW).await;
        let found = match read {
            Ok(found) => found,
            Err(error) => {
                report(&error);
                tokio::time::sleep(RETRY).await;
                continue;
            }
        };
        if let Some(last) = found.rows.last().map(|change| change.place.seq) {
            let mut changes = found.rows;
            changes.retain(|change| hub.wants(user(change)));
            fail::fail_point!("streams::encode");
            let events = encode(&state, changes).await?;
            // Somebody who came while it was read may need more, and would not be woken for it.
            let Some(listeners) = hub.hand_out(reading, last, &events) else { continue };
            let listeners = u32::try_from(listeners).unwrap_or(u32::MAX);
            tokio::time::sleep(REST_FOR_EACH.saturating_mul(listeners).min(LONGEST_REST)).await;
        }
        if !found.more {
            tokio::select! {
                moved = feed.changed() => if moved.is_err() { return Ok(()) },
                () = state.streams.closing.cancelled() => return Ok(()),
            }
        }
    }
}

/// Reads what comes after a number for one listener; only a few do at the same time.
pub(super) async fn read_earlier(
    state: State,
    after: i64,
    user: Option<UserId>,
) -> Result<Page, ()> {
    let place = state.streams.readers.acquire().await.map_err(drop)?;
    let found = state.store().changes_after(after, user, EARLIER).await;
    let found = found.map_err(|error| report(&error))?;
    let events = encode(&state, found.rows).await?;
    drop(place);
    let last = events.last().map_or(after, |event| event.seq);
    let text = events.iter().flat_map(|event| event.text.iter().copied()).collect::<Vec<_>>();
    Ok(Page { text: text.into(), last, more: found.more })
}

fn report(error: &StoreError) {
    if !error.is_outage() {
        tracing::error!(%error, "changes could not be read for streams");
    }
}

fn user(change: &Change) -> &UserId {
    match &change.of {
        ChangeOf::Record(record) => &record.user_id,
        ChangeOf::Connection(connection) => &connection.user_id,
    }
}

/// Encodes changes as events, in their order.
async fn encode(state: &State, changes: Vec<Change>) -> Result<Vec<Event>, ()> {
    let of: Vec<(i64, UserId)> =
        changes.iter().map(|change| (change.place.seq, user(change).clone())).collect();
    let views = view(state, changes).await.map_err(|_: Problem| ())?;
    let events = views.iter().zip(of);
    Ok(events.map(|(view, (seq, user))| Event { seq, user, text: text(view) }).collect())
}

/// A server-sent event. JSON has no line ends in it.
fn text(view: &ChangeView) -> Bytes {
    let data = serde_json::to_string(view).unwrap_or_default();
    format!("id: {}\nevent: {}\ndata: {data}\n\n", view.cursor, view.event_type()).into()
}
