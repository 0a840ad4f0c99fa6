//! Seals again what is sealed with older keys, in small batches with pauses, so that no write waits long
//! for one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::store::{Rest, Store};

/// How often it is looked whether there is something to do.
const LOOK: Duration = Duration::from_secs(1);

/// What others began has ended after this.
const SETTLED: Duration = Duration::from_secs(3);

/// The pause after a batch is at least this long, and this many times as long as the batch took: other
/// writes have nearly all of the writer's time.
const SHORTEST: Duration = Duration::from_millis(20);
const TIMES: u32 = 4;

/// The pause after the database failed.
const AFTER_ERROR: Duration = Duration::from_secs(10);

/// Works until it is stopped.
pub async fn work(store: Store, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let working = async {
        loop {
            let began = Instant::now();
            let rest = match store.work_on_keys(clock.now()).await {
                Ok(Rest::Idle) => LOOK,
                Ok(Rest::Short) => SHORTEST.max(began.elapsed() * TIMES),
                Ok(Rest::Long) => SETTLED,
                Err(error) => {
                    // An outage was logged when it began.
                    if !error.is_outage() {
                        tracing::error!(%error, "values could not be sealed again; it goes on later");
                    }
                    AFTER_ERROR
                }
            };
            tokio::time::sleep(rest).await;
        }
    };
    // A batch that was begun is committed or not, as any other write.
    tokio::select! {
        () = working => {}
        () = stop.cancelled() => {}
    }
}
