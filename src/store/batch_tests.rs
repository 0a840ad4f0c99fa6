//! Storing units together must give the same result as storing them one by one, on both databases.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use partner_sdk::rust_decimal::Decimal;
use partner_sdk::{
    Body, Cursor, Kind, Measurement, MeasurementType, Moment, RemoteRecord, TimeBasis,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::incidents::Observed;
use crate::model::{Cause, ChangeKind, ConnectionId, LineOutcome, Status, UserId};
use crate::scheduler::{Activity, ScheduleKey};
use crate::settings;
use crate::store::testing::databases;
use crate::store::{ChangeOf, ChangesOf, NewGrant, Store, SyncEnd, SyncLine, items};
use crate::sync::items::ItemState;
use crate::sync::ports::{Ledger, PageToSave, Saved};
use crate::sync::{MovedCursor, Settlement, Tokens};
use crate::vault::{Vault, generate_key};

const PARTNER: &str = "withings";
const KIND: Kind = Kind::Measurement(MeasurementType::Weight);

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minute)
}

async fn open(url: &str) -> Store {
    let vault = Arc::new(Vault::from_hex(&generate_key().unwrap()).unwrap());
    let database = settings::Database { url: url.to_owned(), readers: 2, ..Default::default() };
    let open = move || Store::open(&database, vault).unwrap();
    tokio::task::spawn_blocking(open).await.unwrap()
}

async fn connect(store: &Store, user: &str) -> ConnectionId {
    let prepared =
        store.prepare_connection(UserId::stored(user.to_owned()), PARTNER.to_owned(), at(0));
    let connection = prepared.await.unwrap();
    let tokens = Tokens {
        access: partner_sdk::secrecy::SecretString::from("a").into(),
        refresh: None,
        access_expires_at: None,
        scopes: None,
    };
    let external_user_id = format!("account of {user}");
    let (choices, not_granted) = (Vec::new(), Vec::new());
    let held_as = None;
    let grant = NewGrant { connection, external_user_id, tokens, choices, not_granted, held_as };
    store.adopt(grant, at(0)).await.unwrap();
    connection
}

fn weight(id: u32, grams: i64) -> RemoteRecord {
    let start = at(i64::from(id)).fixed_offset();
    RemoteRecord {
        source_id: format!("{id}:weight"),
        group: Some(id.to_string()),
        start: Moment { at: start, basis: TimeBasis::Exact },
        end: None,
        modified: None,
        body: Body::Measurement(Measurement {
            r#type: MeasurementType::Weight,
            value: Decimal::new(grams, 3),
        }),
    }
}

fn page(
    connection: ConnectionId,
    user: &str,
    minute: i64,
    records: Vec<RemoteRecord>,
) -> PageToSave {
    PageToSave {
        connection,
        user_id: UserId::stored(user.to_owned()),
        partner: PARTNER,
        feed: "measure",
        complete_groups: records.iter().filter_map(|record| record.group.clone()).collect(),
        records,
        doubtful: Vec::new(),
        present: Vec::new(),
        deleted: Vec::new(),
        complete_range: None,
        is_certain: false,
        kinds: vec![KIND],
        day_only: Vec::new(),
        last_seen: at(minute - 1),
        cursor: Some(Cursor(minute.to_string())),
        delivered: Vec::new(),
        now: at(minute),
        cause: Cause::Schedule,
    }
}

/// What a round of polls brings for each user: new, edited, unchanged and deleted records.
fn round(chance: &mut StdRng, minute: i64, users: &[(String, ConnectionId)]) -> Vec<PageToSave> {
    let mut pages = Vec::new();
    for (user, connection) in users {
        // Sometimes two pages of one user are stored together.
        for _ in 0..chance.random_range(1..=2) {
            let ids = (0..chance.random_range(1..6)).map(|_| chance.random_range(0..12_u32));
            let ids: std::collections::BTreeSet<u32> = ids.collect();
            let records =
                ids.iter().map(|id| weight(*id, 70_000 + chance.random_range(0..3) * 100));
            let mut page = page(*connection, user, minute, records.collect());
            if chance.random_range(0..4) == 0 {
                let gone = chance.random_range(0..12_u32);
                page.deleted.extend((!ids.contains(&gone)).then(|| gone.to_string()));
            }
            pages.push(page);
        }
    }
    pages
}

type Key = (UserId, String);
type Contents = BTreeMap<Key, (String, bool)>;

async fn contents(store: &Store) -> (Contents, BTreeMap<Key, Vec<ChangeKind>>) {
    let (mut contents, mut changes) = (Contents::new(), BTreeMap::new());
    let all = store.changes(None, ChangesOf::Records, 10_000).await.unwrap().unwrap();
    for change in all.rows {
        let ChangeOf::Record(record) = change.of else { panic!("{change:?}") };
        let key = (record.user_id.clone(), record.source_id.clone());
        contents.insert(key.clone(), (record.content.get().to_owned(), record.deleted));
        changes.entry(key).or_insert_with(Vec::new).push(change.change);
    }
    (contents, changes)
}

#[tokio::test]
async fn pages_stored_together_come_to_the_same_as_one_by_one() {
    for (together, apart) in databases().iter().zip(&databases()) {
        let stores = [open(&together.url).await, open(&apart.url).await];
        let mut users = Vec::new();
        for user in ["ann", "bea", "cy", "dan"] {
            let ids = [connect(&stores[0], user).await, connect(&stores[1], user).await];
            assert_eq!(ids[0], ids[1], "the pages are for both");
            users.push((user.to_owned(), ids[0]));
        }
        let mut kinds = [0; 3];
        for minute in 100..130_i64 {
            let chance = || StdRng::seed_from_u64(minute.unsigned_abs());
            let pages = round(&mut chance(), minute, &users);
            let saved = join_all(pages.into_iter().map(|page| stores[0].save_page(page))).await;
            let mut alone: Vec<Saved> = Vec::new();
            for page in round(&mut chance(), minute, &users) {
                alone.push(stores[1].save_page(page).await.unwrap());
            }
            let saved: Vec<Saved> = saved.into_iter().map(Result::unwrap).collect();
            assert_eq!(saved, alone, "minute {minute}");
            for saved in saved {
                kinds[0] += saved.created;
                kinds[1] += saved.updated;
                kinds[2] += saved.deleted;
            }
        }
        assert!(kinds.iter().all(|count| *count > 5), "every sort came: {kinds:?}");
        assert_eq!(contents(&stores[0]).await, contents(&stores[1]).await);
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_stored_does_not_affect_the_others() {
    for database in databases() {
        let store = open(&database.url).await;
        let connection = connect(&store, "ann").await;
        let nobody = page(ConnectionId(999_999), "nobody", 100, vec![weight(1, 70_000)]);
        let own = page(connection, "ann", 100, vec![weight(1, 70_000)]);
        let (nobody, own) = tokio::join!(store.save_page(nobody), store.save_page(own));
        assert!(nobody.is_err(), "there is no such connection");
        assert_eq!(own.unwrap().created, 1);
        assert_eq!(contents(&store).await.0.len(), 1);
    }
}

fn finish(connection: ConnectionId, user: &str, minute: i64, summary: &str) -> SyncEnd {
    let activity = Activity { group: 1, since: at(0) };
    SyncEnd {
        connection,
        settlement: Settlement {
            status: Status::Connected,
            activity,
            polled_as: 0,
            failures: 0,
            next_poll_at: Some(at(minute + 5)),
            push_not_before: at(minute),
            last_poll_at: Some(at(minute)),
            last_error: None,
            refused_since: None,
            trust: None,
            failing_since: None,
            turn: None,
        },
        cursors: vec![MovedCursor {
            feed: "measure",
            cursor: Cursor(minute.to_string()),
            read_at: at(minute),
        }],
        wide_looks: if minute == 20 { vec![("measure", at(minute))] } else { Vec::new() },
        resume_points: Vec::new(),
        line: SyncLine {
            connection,
            user_id: UserId::stored(user.to_owned()),
            partner: PARTNER.to_owned(),
            cause: Cause::Schedule,
            outcome: LineOutcome::Ok,
            summary: summary.to_owned(),
            detail: "null".to_owned(),
            stands_apart: false,
            started_at: at(minute),
            finished_at: at(minute),
        },
        push_not_before: None,
        observed: Observed::default(),
    }
}

#[tokio::test]
async fn ends_of_syncs_stored_together_each_leave_their_state_cursor_and_line() {
    for database in databases() {
        let store = open(&database.url).await;
        let (ann, bea) = (connect(&store, "ann").await, connect(&store, "bea").await);
        for (minute, of_bea) in [(10, "nothing new"), (20, "nothing new"), (30, "1 new")] {
            let ends =
                [finish(ann, "ann", minute, "nothing new"), finish(bea, "bea", minute, of_bea)];
            for end in join_all(ends.map(|end| store.finish_sync(end))).await {
                assert_eq!(end.unwrap(), None, "nothing waits to be pushed");
            }
        }
        let mut jobs = store.load_jobs(vec![ann, bea, ConnectionId(999_999)]).await.unwrap();
        jobs.sort_by_key(|job| job.connection.id);
        for job in &jobs {
            assert_eq!(job.cursors["measure"], Cursor("30".to_owned()));
            assert_eq!(job.read_at["measure"], at(30));
            assert_eq!(job.wide_look_at["measure"], at(20), "later ends leave it");
            assert_eq!(job.connection.next_poll_at, Some(at(35)));
            assert_eq!((job.connection.activity.group, job.connection.failures), (1, 0));
        }
        assert_eq!(jobs.len(), 2);
        let mut times = Vec::new();
        for user in ["ann", "bea"] {
            let lines =
                store.timeline(UserId::stored(user.to_owned()), None, None, 10).await.unwrap().rows;
            times
                .push(lines.into_iter().map(|line| (line.summary, line.times)).collect::<Vec<_>>());
        }
        let said = |text: &str, times| (text.to_owned(), times);
        assert_eq!(times[0], [said("nothing new", 3)]);
        assert_eq!(times[1], [said("1 new", 1), said("nothing new", 2)]);
    }
}

#[tokio::test]
async fn the_schedule_is_read_in_order_and_in_batches() {
    for database in databases() {
        let store = open(&database.url).await;
        let mut due = Vec::new();
        for (number, minute) in [7, 3, 3, 9, 1].into_iter().enumerate() {
            let user = format!("user-{number}");
            let connection = connect(&store, &user).await;
            store.finish_sync(finish(connection, &user, minute, "nothing new")).await.unwrap();
            due.push(ScheduleKey { at: at(minute + 5).timestamp_micros(), connection });
        }
        let away = due.pop().unwrap();
        store.disconnect(away.connection, at(2)).await.unwrap();
        due.sort_unstable();
        let mut read = Vec::new();
        loop {
            let after = read.last().copied().unwrap_or(ScheduleKey::START);
            let batch = store.schedule_after(PARTNER, after, 2).await.unwrap();
            read.extend(&batch);
            if batch.len() < 2 {
                break;
            }
        }
        assert_eq!(read, due);
        assert_eq!(store.schedule_after("fitbit", ScheduleKey::START, 2).await.unwrap(), []);
    }
}

#[tokio::test]
async fn what_was_detached_from_the_partner_is_not_in_doubt_any_more() {
    for database in databases() {
        let store = open(&database.url).await;
        let connection = connect(&store, "ann").await;
        store.save_page(page(connection, "ann", 1, vec![weight(1, 70_000)])).await.unwrap();
        let left = store.write(move |db| {
            let item = items::of_external_ids(db, connection, &["1:weight".to_owned()])?;
            let id = item.first().unwrap().id;
            items::set_missing_since(db, &[id], Some(at(2)))?;
            items::cut(db, id, ItemState::Create, at(3))?;
            Ok(items::find(db, id)?.unwrap().missing_since)
        });
        assert_eq!(left.await.unwrap(), None, "no list can show it again: it has no id");
    }
}
