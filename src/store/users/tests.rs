use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use partner_sdk::{Body, Measurement, MeasurementType, Moment, RecordData, TimeBasis};

use super::*;
use crate::settings;
use crate::store::testing::databases;
use crate::store::users::points::points;
use crate::store::users::summary::counts;
use crate::store::{OwnRecord, PointsOf};
use crate::vault::{Vault, generate_key};

async fn open(url: &str) -> Store {
    let vault = Arc::new(Vault::from_hex(&generate_key().unwrap()).unwrap());
    let database = settings::Database { url: url.to_owned(), readers: 2, ..Default::default() };
    let open = move || Store::open(&database, vault).unwrap();
    tokio::task::spawn_blocking(open).await.unwrap()
}

async fn close(store: Store) {
    tokio::task::spawn_blocking(move || drop(store)).await.unwrap();
}

fn hour(hour: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::hours(hour)
}

fn weight(at: i64) -> OwnRecord {
    let measurement = Measurement { r#type: MeasurementType::Weight, value: (60 + at % 7).into() };
    let start = Moment { at: hour(at).fixed_offset(), basis: TimeBasis::Exact };
    let data = RecordData { start, end: None, body: Body::Measurement(measurement) };
    OwnRecord { app_id: format!("w-{at}"), data }
}

async fn list(store: &Store, prefix: &str, after: Option<&str>, limit: usize) -> (String, bool) {
    let filter = UserFilter { prefix: prefix.to_owned(), after: after.map(UserId::stored) };
    let found = store.users(filter, limit).await.unwrap();
    let ids: Vec<_> = found.rows.iter().map(|id| id.as_str()).collect();
    (ids.join(" "), found.more)
}

#[tokio::test]
async fn users_are_found_by_how_their_ids_begin_whether_they_have_connections_or_records() {
    for database in databases() {
        let store = open(&database.url).await;
        for user in ["ann", "ann-2", "anna", "ben", "u%1", "u_1", "u-é", "u\u{10ffff}"] {
            for partner in ["strava", "withings"] {
                let user = UserId::stored(user);
                store.prepare_connection(user, partner.to_owned(), hour(0)).await.unwrap();
            }
        }
        for user in ["ann-1", "anna", "zoe"] {
            let records = (0..3).map(weight).collect();
            store.add_records(UserId::stored(user), records, hour(9)).await.unwrap().unwrap();
        }
        let all = async |prefix: &str| list(&store, prefix, None, 100).await;
        assert_eq!(all("ann").await, ("ann ann-1 ann-2 anna".to_owned(), false));
        assert_eq!(all("u%").await.0, "u%1");
        assert_eq!(all("u_").await.0, "u_1");
        assert_eq!(all("u\u{10ffff}").await.0, "u\u{10ffff}");
        assert_eq!(all("An").await.0, "", "ids are compared exactly");
        assert_eq!(list(&store, "ann", None, 2).await, ("ann ann-1".to_owned(), true));
        assert_eq!(list(&store, "ann", Some("ann-1"), 2).await, ("ann-2 anna".to_owned(), false));
        let (everybody, _) = all("").await;
        let (mut walked, mut after) = (BTreeSet::new(), None::<String>);
        loop {
            let (ids, more) = list(&store, "", after.as_deref(), 1).await;
            walked.insert(ids.clone());
            after = Some(ids);
            if !more {
                break;
            }
        }
        assert_eq!(walked.into_iter().collect::<Vec<_>>().join(" "), everybody);
        let among = ["ann-2", "anna", "zoe", "nobody"].map(UserId::stored);
        assert_eq!(store.users_among(among.into()).await.unwrap().len(), 3);
        let around = store.users_around("ann-3".to_owned(), 1).await.unwrap();
        assert_eq!(around, ["ann-2", "anna"].map(UserId::stored));
        close(store).await;
    }
}

#[tokio::test]
async fn many_records_are_counted_and_shown_in_part_and_said_to_be() {
    for database in databases() {
        let store = open(&database.url).await;
        let ann = UserId::stored("ann");
        let records: Vec<_> = (0..900).map(weight).collect();
        store.add_records(ann.clone(), records, hour(900)).await.unwrap().unwrap();
        let read = async |most| {
            let ann = ann.clone();
            let read = move |db: &mut Db| {
                let of = PointsOf::Measurement("weight");
                let filter = PointFilter { of, from: None, to: hour(2_000) };
                Ok((counts(db, &ann, most)?, points(db, &ann, &filter, most)?))
            };
            store.read(read).await.unwrap()
        };
        let (counted, shown) = read(900).await;
        assert_eq!((counted.by[0].count, counted.more), (900, false));
        assert_eq!(counted.by[0].newest_at, hour(899));
        assert_eq!((shown.points.len(), shown.is_part), (900, false));
        let (counted, shown) = read(200).await;
        assert_eq!((counted.by[0].count, counted.more), (200, true));
        assert!(shown.is_part && shown.points.len() <= 200, "{}", shown.points.len());
        let at = |place: usize| shown.points[place].at;
        assert_eq!(at(0), hour(0), "the oldest is there");
        assert!(at(shown.points.len() - 1) > hour(850), "and the newest time");
        assert!(shown.points.is_sorted_by_key(|point| point.at));
        close(store).await;
    }
}
