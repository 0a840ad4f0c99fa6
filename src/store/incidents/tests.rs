//! Incidents on both databases.

use std::sync::Arc;

use chrono::TimeDelta;
use diesel::{Connection as _, SqliteConnection};

use super::judge::{Ended, judge};
use super::*;
use crate::incidents::{FORGOTTEN_AFTER, Incident, IncidentState, Observed, Sighting};
use crate::model::UserId;
use crate::settings;
use crate::store::NewGrant;
use crate::store::testing::databases;
use crate::sync::Tokens;
use crate::vault::{Vault, generate_key};

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minute)
}

async fn open_store(url: &str) -> Store {
    let vault = Arc::new(Vault::from_hex(&generate_key().unwrap()).unwrap());
    let database = settings::Database { url: url.to_owned(), readers: 1, ..Default::default() };
    tokio::task::spawn_blocking(move || Store::open(&database, vault).unwrap()).await.unwrap()
}

async fn connect(store: &Store, user: &str, account: &str) -> ConnectionId {
    let user = UserId::stored(user.to_owned());
    let connection = store.prepare_connection(user, "withings".to_owned(), at(0)).await.unwrap();
    let tokens = Tokens {
        access: partner_sdk::secrecy::SecretString::from("a").into(),
        refresh: None,
        access_expires_at: None,
        scopes: None,
    };
    let (choices, not_granted) = (Vec::new(), Vec::new());
    let external_user_id = account.to_owned();
    let held_as = None;
    let grant = NewGrant { connection, external_user_id, tokens, choices, not_granted, held_as };
    store.adopt(grant, at(0)).await.unwrap();
    connection
}

async fn all(store: &Store, state: IncidentState) -> Vec<Incident> {
    let filter = IncidentFilter { state: Some(state), ..IncidentFilter::default() };
    store.incidents(filter, 100).await.unwrap().rows
}

async fn codes(store: &Store, state: IncidentState) -> Vec<&'static str> {
    all(store, state).await.into_iter().map(|it| it.code.name()).collect()
}

/// The end of a sync that met these scenarios.
async fn ends(
    store: &Store,
    connection: ConnectionId,
    codes: &[IncidentCode],
    minute: i64,
) -> bool {
    let sighting =
        |code: &IncidentCode| Sighting { code: *code, times: 2, external_id: None, detail: None };
    let seen = codes.iter().map(sighting).collect();
    let observed = Observed { seen, is_read: codes.is_empty(), ..Observed::default() };
    let flag = move |db: &mut Db| {
        connections::table.find(connection).select(connections::has_incidents).first::<bool>(db)
    };
    store
        .write(move |db| {
            let has_incidents = flag(db)?;
            let ended = Ended {
                connection,
                observed: &observed,
                still_waits: false,
                has_incidents,
                now: at(minute),
            };
            judge(db, &[ended])?;
            Ok(flag(db)?)
        })
        .await
        .unwrap()
}

#[test]
fn a_sync_without_a_scenario_costs_no_statement() {
    // There is no table here: whatever was asked would fail.
    let mut db = Db::Sqlite(SqliteConnection::establish(":memory:").unwrap());
    let observed = Observed { is_read: true, is_pushed: true, ..Observed::default() };
    let clean = Ended {
        connection: ConnectionId(1),
        observed: &observed,
        still_waits: false,
        has_incidents: false,
        now: at(0),
    };
    judge(&mut db, &[clean, clean]).unwrap();
    judge(&mut db, &[Ended { has_incidents: true, ..clean }]).unwrap_err();
    judge(&mut db, &[Ended { still_waits: true, ..clean }]).unwrap_err();
}

#[tokio::test]
async fn what_others_report_opens_once_counts_closes_with_a_reason_and_opens_again_later() {
    for database in databases() {
        let store = open_store(&database.url).await;
        let connection = connect(&store, "ann", "17").await;
        for (code, subject) in [
            (IncidentCode::NotificationsSilent, Subject::Connection(connection)),
            (IncidentCode::WebhookFailing, Subject::Endpoint("we_1".into())),
        ] {
            for minute in 1..=3 {
                let new = NewIncident::new(code, subject.clone());
                let new = NewIncident { detail: Some(format!("HTTP 50{minute}")), ..new };
                store.open_incident(new, at(minute)).await.unwrap();
            }
            let open = all(&store, IncidentState::Open).await;
            let [incident] = open.as_slice() else { panic!("{open:?}") };
            assert_eq!((incident.code, incident.times), (code, 3));
            assert_eq!((incident.first_at, incident.last_at), (at(1), at(3)));
            assert_eq!(incident.detail.as_deref(), Some("HTTP 503"));
            let of_user = code == IncidentCode::NotificationsSilent;
            assert_eq!(incident.user_id.is_some(), of_user);
            assert_eq!(incident.partner.as_deref(), of_user.then_some("withings"));
            assert_eq!(incident.endpoint.as_deref(), (!of_user).then_some("we_1"));
            // Closing what is not open does nothing.
            for minute in [4, 5] {
                let closed = store.close_incident(code, subject.clone(), 0, "it came", at(minute));
                closed.await.unwrap();
            }
            assert!(all(&store, IncidentState::Open).await.is_empty());
            let closed = all(&store, IncidentState::Closed).await;
            assert_eq!(closed[0].closed_at, Some(at(4)));
            assert_eq!(closed[0].closed_why.as_deref(), Some("it came"));
            store.open_incident(NewIncident::new(code, subject.clone()), at(9)).await.unwrap();
            let again = all(&store, IncidentState::Open).await;
            assert_eq!((again[0].times, again[0].first_at), (1, at(9)));
            store.close_incident(code, subject, 0, "it came", at(10)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_ends_of_syncs_open_and_close_and_keep_the_flag_of_the_connection() {
    use IncidentCode::{AuthorizationRevoked, PayloadNotUnderstood, RecordRefused};
    for database in databases() {
        let store = open_store(&database.url).await;
        let ann = connect(&store, "ann", "17").await;
        assert!(!ends(&store, ann, &[], 1).await);
        assert!(ends(&store, ann, &[PayloadNotUnderstood, RecordRefused], 2).await);
        assert!(ends(&store, ann, &[PayloadNotUnderstood], 3).await);
        let open = all(&store, IncidentState::Open).await;
        let times: Vec<_> = open.iter().map(|it| (it.code, it.times)).collect();
        assert_eq!(times, [(RecordRefused, 2), (PayloadNotUnderstood, 4)]);
        // Read well: the answer was understood; the record was not seen accepted.
        assert!(ends(&store, ann, &[], 4).await);
        assert_eq!(codes(&store, IncidentState::Open).await, ["record_refused"]);
        // What cannot be seen to be mended is forgotten after a week.
        let week = FORGOTTEN_AFTER.num_minutes();
        assert!(ends(&store, ann, &[], 1 + week).await);
        assert!(!ends(&store, ann, &[], 2 + week).await);
        assert!(codes(&store, IncidentState::Open).await.is_empty());
        // What no sync can close leaves the flag as it is.
        assert!(!ends(&store, ann, &[AuthorizationRevoked], 3 + week).await);
        assert_eq!(codes(&store, IncidentState::Open).await, ["authorization_revoked"]);
        connect(&store, "ann", "17").await;
        assert!(codes(&store, IncidentState::Open).await.is_empty());
    }
}

#[tokio::test]
async fn a_disconnect_closes_everything_of_the_connection_and_nothing_else() {
    for database in databases() {
        let store = open_store(&database.url).await;
        let (ann, ben) = (connect(&store, "ann", "17").await, connect(&store, "ben", "18").await);
        for connection in [ann, ben] {
            ends(&store, connection, &[IncidentCode::PayloadNotUnderstood], 1).await;
        }
        let down = NewIncident::new(IncidentCode::PartnerDown, Subject::Partner("withings".into()));
        store.open_incident(down, at(2)).await.unwrap();
        store.disconnect(ann, at(3)).await.unwrap();
        let open = all(&store, IncidentState::Open).await;
        let concerns: Vec<_> = open.iter().map(|it| (it.connection, it.users)).collect();
        assert_eq!(concerns, [(None, Some(2)), (Some(ben), None)]);
        let watched = store.watched_incidents("withings").await.unwrap();
        assert_eq!(watched, [(IncidentCode::PartnerDown, None, at(2))]);
    }
}

#[tokio::test]
async fn old_incidents_are_deleted_in_bounded_batches_and_open_ones_never() {
    for database in databases() {
        let store = open_store(&database.url).await;
        for number in 0..5 {
            let subject = Subject::Endpoint(format!("we_{number}"));
            let code = IncidentCode::WebhookFailing;
            store.open_incident(NewIncident::new(code, subject.clone()), at(0)).await.unwrap();
            if number < 4 {
                store.close_incident(code, subject, 0, "it works", at(number)).await.unwrap();
            }
        }
        assert!(store.delete_old_incidents(at(3), 2).await.unwrap(), "there may be more");
        assert!(!store.delete_old_incidents(at(3), 2).await.unwrap());
        assert_eq!(all(&store, IncidentState::Closed).await.len(), 1, "closed at the third minute");
        assert_eq!(all(&store, IncidentState::Open).await.len(), 1);
    }
}
