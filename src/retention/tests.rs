use std::time::{Duration, Instant};

use super::*;
use crate::model::{Cause, LineOutcome, UserId};
use crate::settings;
use crate::store::SyncLine;
use crate::store::testing::{databases, execute};
use crate::vault::{Vault, generate_key};

fn day(day: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000 + day)
}

/// How many rows are old: some thousand, or what the environment says.
fn rows() -> i64 {
    let named = std::env::var("SYNCWELL_TEST_OLD_ROWS").ok();
    named.map_or(5_000, |text| text.parse().unwrap())
}

/// A clock that stands still.
#[derive(Debug)]
struct Still(DateTime<Utc>);

impl Clock for Still {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }
}

#[tokio::test]
async fn writes_go_on_while_what_is_old_is_deleted() {
    for database in databases() {
        let vault = Arc::new(Vault::from_hex(&generate_key().unwrap()).unwrap());
        let url = database.url.clone();
        let open = settings::Database { url: url.clone(), readers: 2, ..Default::default() };
        let store = tokio::task::spawn_blocking(move || Store::open(&open, vault).unwrap());
        let store = store.await.unwrap();
        let user = UserId::stored("ann");
        let connection = store.prepare_connection(user.clone(), "withings".into(), day(0));
        let connection = connection.await.unwrap();
        let (rows, at) = (rows(), day(1).timestamp_micros());
        let numbers = format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"
        );
        execute(
            &url,
            &format!(
                "{numbers} INSERT INTO syncs (connection_id, user_id, partner, cause, outcome, summary, \
             detail, started_at, finished_at, repeats) SELECT {connection}, 'ann', 'withings', \
             'schedule', 'ok', 'weight: nothing new', 'null', {at} + i, {at} + i + 1, 1 FROM n",
                connection = connection.0,
            ),
        );
        // A thousand records, changed again and again.
        execute(
            &url,
            &format!(
                "{numbers} INSERT INTO changes (user_id, record_id, change, at) \
             SELECT 'ann', 'record-' || (i % 1000), 'updated', {at} + i FROM n"
            ),
        );
        let keep = Keep(Some(Duration::from_secs(86_400)));
        let settings = Retention { syncs: keep, changes: keep, deliveries: keep, errors: keep };
        let now = Still(day(5)).now();
        let sweeping = tokio::spawn({
            let store = store.clone();
            async move {
                for pile in piles(&settings) {
                    sweep_one(&store, &pile, now).await;
                }
            }
        });
        let (began, mut latencies) = (Instant::now(), Vec::new());
        while !sweeping.is_finished() {
            let line = SyncLine {
                connection,
                user_id: user.clone(),
                partner: "withings".into(),
                cause: Cause::Request,
                outcome: LineOutcome::Ok,
                summary: "new".into(),
                detail: "null".into(),
                stands_apart: true,
                started_at: now,
                finished_at: now,
            };
            let write = Instant::now();
            store.note(line).await.unwrap();
            latencies.push(write.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        sweeping.await.unwrap();
        let (took, written) = (began.elapsed(), latencies.len());
        latencies.sort_unstable();
        let (median, longest) = (latencies[written / 2], latencies[written - 1]);
        let p99 = latencies[written * 99 / 100];
        println!("2 x {rows} rows in {took:?}; {written} writes: {median:?}, {p99:?}, {longest:?}");
        assert!(median < Duration::from_millis(100), "{median:?}");
        let left = store.timeline(user, None, None, 1_000).await.unwrap();
        assert_eq!(left.rows.len(), written.min(1_000));
        assert!(left.rows.iter().all(|line| line.summary == "new"), "the old ones are gone");
        tokio::task::spawn_blocking(move || drop(store)).await.unwrap();
    }
}
