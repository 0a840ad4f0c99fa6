//! Deletes what is older than the settings keep it: every hour, in small batches with pauses, so that
//! no write waits long for one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::figures;
use crate::settings::{Keep, Retention};
use crate::store::{Store, StoreError};

/// The time between two sweeps, and from the start to the first: a start has other things to do.
const EVERY: TimeDelta = TimeDelta::hours(1);
const AFTER_START: TimeDelta = TimeDelta::minutes(2);

/// Links to the connect page are known for a day after they expired, so that whoever opens one learns why
/// it does not work.
const LINKS: Keep = Keep(Some(Duration::from_secs(24 * 60 * 60)));

/// How many rows are deleted at once.
const BATCH: i64 = 500;

/// After each batch the sweeper rests at least this long, and this many times as long as the batch took:
/// other writes have nearly all of the writer's time.
const SHORTEST_REST: Duration = Duration::from_millis(20);
const REST: u32 = 4;

/// How often the clock is looked at.
const LONGEST_NAP: Duration = Duration::from_secs(60);

/// Deletes no more rows than the limit that are older than that; returns whether there may be more.
type Delete = for<'a> fn(&'a Store, DateTime<Utc>, i64) -> BoxFuture<'a, Result<bool, StoreError>>;

/// Something that piles up.
struct Pile {
    name: &'static str,
    keep: Keep,
    delete: Delete,
}

/// All that is swept.
fn piles(settings: &Retention) -> Vec<Pile> {
    let pile = |name, keep, delete: Delete| Pile { name, keep, delete };
    vec![
        pile("syncs", settings.syncs, |store, before, limit| {
            Box::pin(store.delete_old_syncs(before, limit))
        }),
        pile("changes", settings.changes, |store, before, limit| {
            Box::pin(store.compact_changes(before, limit))
        }),
        pile("deliveries", settings.deliveries, |store, before, limit| {
            Box::pin(store.delete_old_deliveries(before, limit))
        }),
        pile("connect links", LINKS, |store, before, limit| {
            Box::pin(store.delete_old_connect_links(before, limit))
        }),
        pile("errors", settings.errors, |store, before, limit| {
            Box::pin(store.delete_old_incidents(before, limit))
        }),
        pile("minutes", Keep(figures::KEPT.to_std().ok()), |store, before, limit| {
            Box::pin(store.delete_old_minutes(before, limit))
        }),
    ]
}

/// Sweeps until it is stopped.
pub async fn sweep(
    store: Store,
    clock: Arc<dyn Clock>,
    settings: Retention,
    stop: CancellationToken,
) {
    let piles = piles(&settings);
    let mut next = clock.now() + AFTER_START;
    let sweeping = async {
        loop {
            tokio::time::sleep(nap()).await;
            let now = clock.now();
            // A clock that was set back does not put off a sweep for long.
            if next > now && next - now <= EVERY {
                continue;
            }
            next = now + EVERY;
            for pile in &piles {
                sweep_one(&store, pile, now).await;
            }
        }
    };
    // A batch that was begun is committed or not, as any other write.
    tokio::select! {
        () = sweeping => {}
        () = stop.cancelled() => {}
    }
}

async fn sweep_one(store: &Store, pile: &Pile, now: DateTime<Utc>) {
    let Some(before) = pile.keep.before(now) else { return };
    let began = Instant::now();
    let mut batches = 0_u32;
    loop {
        let batch = Instant::now();
        match (pile.delete)(store, before, BATCH).await {
            Ok(true) => batches += 1,
            Ok(false) => break,
            Err(error) => {
                // An outage was logged when it began; the next sweep goes on.
                if !error.is_outage() {
                    tracing::error!(pile = pile.name, %error, "what is old could not be deleted");
                }
                break;
            }
        }
        tokio::time::sleep(SHORTEST_REST.max(batch.elapsed() * REST)).await;
    }
    if batches > 0 {
        let took = began.elapsed();
        tracing::info!(pile = pile.name, batches, ?took, "deleted what was old");
    }
}

fn nap() -> Duration {
    // Where a test moves the clock, its jumps must be noticed at once.
    #[cfg(feature = "failpoints")]
    if crate::clock::is_moved_by_tests() {
        return Duration::from_millis(20);
    }
    LONGEST_NAP
}

#[cfg(test)]
mod tests;
