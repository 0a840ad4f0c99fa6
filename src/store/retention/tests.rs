use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use rand::RngExt;

use super::*;
use crate::model::{Cause, ChangeCause, ChangeKind, LineOutcome, UserId};
use crate::settings;
use crate::store::change_feed::{self, NewChange, page, refusal};
use crate::store::testing::databases;
use crate::store::{ChangesOf, Place, SyncLine};
use crate::vault::{Vault, generate_key};

fn day(day: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000 + day)
}

async fn open(url: &str) -> Store {
    let vault = Arc::new(Vault::from_hex(&generate_key().unwrap()).unwrap());
    let database = settings::Database { url: url.to_owned(), readers: 2, ..Default::default() };
    let open = move || Store::open(&database, vault).unwrap();
    tokio::task::spawn_blocking(open).await.unwrap()
}

async fn close(store: Store) {
    tokio::task::spawn_blocking(move || drop(store)).await.unwrap();
}

/// Appends changes of these records on a day.
async fn append(store: &Store, on: i64, records: Vec<u32>) {
    let append = store.write(move |db| {
        let user = UserId::stored("ann");
        let line = |number: u32| NewChange {
            user: &user,
            record: RecordId(format!("record-{number}")),
            change: ChangeKind::Updated.name(),
            cause: ChangeCause::Host,
            partner: None,
            now: day(on),
        };
        change_feed::append(db, &records.into_iter().map(line).collect::<Vec<_>>())
    });
    append.await.unwrap();
}

/// The numbers of all changes, and of which record each is.
async fn all(store: &Store) -> Vec<(i64, String)> {
    let read = store.read(|db| {
        let all = changes::table.order(changes::seq);
        all.select((changes::seq, changes::record_id.assume_not_null())).load(db)
    });
    read.await.unwrap()
}

/// Compacts until there is no more; returns in how many batches.
async fn compact(store: &Store, before: DateTime<Utc>, limit: i64) -> u32 {
    let mut batches = 1;
    while store.compact_changes(before, limit).await.unwrap() {
        batches += 1;
    }
    batches
}

#[tokio::test]
async fn of_old_changes_the_last_of_each_record_is_kept_and_of_new_ones_all() {
    for database in databases() {
        let store = open(&database.url).await;
        append(&store, 1, vec![1, 2, 1]).await;
        append(&store, 2, vec![3, 1]).await;
        append(&store, 5, vec![2, 3, 3]).await;
        let seqs = |all: &[(i64, String)]| all.iter().map(|(seq, _)| *seq).collect::<Vec<_>>();
        let first = seqs(&all(&store).await);
        let at = |places: &[usize]| places.iter().map(|at| first[*at]).collect::<Vec<_>>();
        assert_eq!(compact(&store, day(1), 100).await, 1);
        assert_eq!(seqs(&all(&store).await), first, "nothing is that old");
        assert_eq!(compact(&store, day(3), 2).await, 3);
        assert_eq!(seqs(&all(&store).await), at(&[1, 3, 4, 5, 6, 7]), "1 three times");
        compact(&store, day(3), 2).await;
        compact(&store, day(6), 2).await;
        assert_eq!(seqs(&all(&store).await), at(&[4, 5, 7]), "the last of each");
        // What had been kept is superseded by a change that comes much later.
        append(&store, 9, vec![2]).await;
        compact(&store, day(10), 100).await;
        let left = all(&store).await;
        assert_eq!(left.len(), 3);
        assert_eq!(left[2].1, "record-2");
        close(store).await;
    }
}

#[tokio::test]
async fn whoever_reads_from_any_place_gets_the_last_change_of_everything_once() {
    for database in databases() {
        let store = open(&database.url).await;
        let mut random = rand::rng();
        for on in 0..40 {
            append(&store, on, (0..25).map(|_| random.random_range(0..60)).collect()).await;
        }
        let before = all(&store).await;
        let compacted_to = day(30);
        let batches = compact(&store, compacted_to, 64).await;
        assert!(batches > 5, "{batches}");
        let after = all(&store).await;
        let kept: BTreeSet<i64> = after.iter().map(|(seq, _)| *seq).collect();
        assert!(kept.len() < before.len() - 500 && kept.len() >= 250, "{}", kept.len());
        let last_of = |list: &[(i64, String)], from: i64| -> BTreeMap<String, i64> {
            let later = list.iter().filter(|(seq, _)| *seq > from);
            later.map(|(seq, record)| (record.clone(), *seq)).collect()
        };
        // From the beginning, and from each place that was ever given.
        let places = std::iter::once(0).chain(before.iter().map(|(seq, _)| *seq));
        for place in places {
            assert_eq!(last_of(&after, place), last_of(&before, place), "{place}");
        }
        let name = store.feed.to_string();
        let gone = before.iter().map(|(seq, _)| *seq).find(|seq| !kept.contains(seq)).unwrap();
        let refused = store
            .read(move |db| refusal(db, &Place { feed: name.clone(), seq: gone, at: 7 }, &name));
        assert_eq!(refused.await.unwrap(), None, "a place whose change is gone is still one");
        close(store).await;
    }
}

#[tokio::test]
async fn changes_of_connections_are_compacted_too_and_the_end_stays() {
    for database in databases() {
        let store = open(&database.url).await;
        let prepare = async |user: &str| {
            let prepared =
                store.prepare_connection(UserId::stored(user), "withings".into(), day(0));
            prepared.await.unwrap()
        };
        let (ann, ben) = (prepare("ann").await, prepare("ben").await);
        let tell = async |on: i64, ids: Vec<ConnectionId>, change: ChangeKind| {
            let append =
                move |db: &mut Db| change_feed::append_connections(db, &ids, change, None, day(on));
            store.write(append).await.unwrap();
        };
        tell(1, vec![ann, ben], ChangeKind::Connected).await;
        tell(2, vec![ann], ChangeKind::NeedsReconnect).await;
        tell(3, vec![ann], ChangeKind::Connected).await;
        let feed = async || {
            let read = store.changes(None, ChangesOf::Both, 100).await.unwrap().unwrap();
            read.rows.iter().map(|change| change.place.clone()).collect::<Vec<_>>()
        };
        let before = feed().await;
        compact(&store, day(4), 100).await;
        assert_eq!(feed().await, [before[1].clone(), before[3].clone()]);
        for place in &before {
            let after = store.changes(Some(place.clone()), ChangesOf::Both, 100).await.unwrap();
            assert!(after.is_ok(), "{place:?}");
        }
        assert_eq!(store.feed_end(None).await.unwrap().unwrap(), before[3]);
        close(store).await;
    }
}

/// How a database would find the rows of a statement.
fn plan(db: &mut Db, statement: &str) -> String {
    #[derive(QueryableByName)]
    struct Step {
        #[diesel(sql_type = diesel::sql_types::Text)]
        detail: String,
    }
    let steps: Vec<Step> =
        diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}")).load(db).unwrap();
    steps.into_iter().map(|step| step.detail).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn candidates_are_found_by_an_index() {
    // SQLite says how, whatever is in the tables.
    let database = databases().remove(0);
    let store = open(&database.url).await;
    let plans = store.read(|db| {
        let changes = changes::table
            .filter(changes::record_id.assume_not_null().eq_any(["a", "b"]))
            .filter(changes::seq.le(7_i64))
            .select(changes::seq);
        let syncs = syncs::table
            .filter(syncs::started_at.lt(7_i64))
            .filter(syncs::finished_at.lt(7_i64))
            .order(syncs::started_at)
            .limit(9)
            .select(syncs::id);
        let statement = |text: String| {
            let statement = text.split(" -- binds").next().unwrap_or_default().replace('?', "7");
            statement.replace('"', "")
        };
        use diesel::debug_query;
        use diesel::sqlite::Sqlite;
        let (changes, syncs) = (
            statement(debug_query::<Sqlite, _>(&changes).to_string()),
            statement(debug_query::<Sqlite, _>(&syncs).to_string()),
        );
        Ok((plan(db, &changes), plan(db, &syncs)))
    });
    let (changes, syncs) = plans.await.unwrap();
    assert!(changes.contains("changes_by_record"), "{changes}");
    assert!(syncs.contains("syncs_by_start") && !syncs.contains("TEMP"), "{syncs}");
    let user = store.read(|db| {
        Ok((
            plan(db, "SELECT * FROM changes WHERE seq > 7 AND user_id = 'a' ORDER BY seq LIMIT 9"),
            page(db, 0, ChangesOf::Both, Some(&UserId::stored("ann")), 9)?.0.rows.len(),
        ))
    });
    let (user, none) = user.await.unwrap();
    assert!(user.contains("changes_by_user") && !user.contains("TEMP"), "{user}");
    assert_eq!(none, 0);
    close(store).await;
}

#[tokio::test]
async fn old_entries_of_the_timeline_go_unless_they_were_repeated_lately() {
    for database in databases() {
        let store = open(&database.url).await;
        let mut connections = Vec::new();
        for number in 0..3 {
            let user = UserId::stored(format!("user-{number}"));
            let prepared = store.prepare_connection(user.clone(), "withings".into(), day(0));
            connections.push((prepared.await.unwrap(), user));
        }
        let add = async |which: usize, from: i64, to: i64, summary: &str| {
            let (connection, user_id) = connections[which].clone();
            let line = SyncLine {
                connection,
                user_id,
                partner: "withings".into(),
                cause: Cause::Schedule,
                outcome: LineOutcome::Ok,
                summary: summary.into(),
                detail: "null".into(),
                stands_apart: false,
                started_at: day(from),
                finished_at: day(to),
            };
            store.note(line).await.unwrap();
        };
        for on in 0..20 {
            add(0, on, on, &format!("something on {on}")).await;
            add(1, on, on, "nothing new").await;
        }
        add(2, 1, 12, "a long one").await;
        let mut batches = 1;
        while store.delete_old_syncs(day(10), 3).await.unwrap() {
            batches += 1;
        }
        assert_eq!(batches, 4, "ten in threes");
        let mut left = Vec::new();
        for (_, user) in &connections {
            let lines = store.timeline(user.clone(), None, None, 100).await.unwrap().rows;
            left.push((lines.len(), lines.last().map(|line| line.finished_at)));
        }
        let expected = [(10, Some(day(10))), (1, Some(day(19))), (1, Some(day(12)))];
        assert_eq!(left, expected);
        close(store).await;
    }
}
