//! What is changed in the audit log is found, in both databases.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::audit::{Act, Actor, ERASED, Outcome};
use crate::model::UserId;
use crate::settings;
use crate::store::testing::{databases, execute};
use crate::store::{Store, Verified};
use crate::vault::{Vault, generate_key};

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(second)
}

async fn note(store: &Store, action: &'static str, user: Option<&str>) {
    let (actor, outcome) = (Actor::Administrator("ann".into()), Outcome::Done);
    let act = Act { actor, action, outcome, subject: user.map(UserId::stored), about: None };
    store.audit(act, at(1)).await.unwrap();
}

async fn verify(store: &Store) -> Verified {
    store.verify_audit_log(Some(2)).await.unwrap()
}

/// A store with entries about two users, in which statements may change what they like.
async fn filled(url: &str) -> Store {
    let vault = Arc::new(Vault::from_hex(&generate_key().unwrap()).unwrap());
    let database = settings::Database { url: url.to_owned(), readers: 2, ..Default::default() };
    let open = move || Store::open(&database, vault);
    let store = tokio::task::spawn_blocking(open).await.unwrap().unwrap();
    for user in ["ben", "cem"] {
        let user = UserId::stored(user);
        store.prepare_connection(user, "moves".to_owned(), at(0)).await.unwrap();
    }
    note(&store, "key.created", None).await;
    for user in ["ben", "cem", "ben", "cem", "ben"] {
        note(&store, "user.viewed", Some(user)).await;
    }
    store
}

/// Takes away what keeps statements from changing entries, as whoever owns the database can.
fn unguard(url: &str) {
    let on = if url.starts_with("sqlite:") { "" } else { " ON audit_log" };
    for trigger in ["audit_log_is_not_shortened", "audit_log_is_not_changed"] {
        execute(url, &format!("DROP TRIGGER {trigger}{on}"));
    }
}

#[tokio::test]
async fn entries_cannot_be_changed_by_mistake() {
    for database in databases() {
        let store = filled(&database.url).await;
        for statement in [
            "DELETE FROM audit_log",
            "UPDATE audit_log SET seq = 9 WHERE seq = 6",
            "UPDATE audit_log SET entry = '{}'",
            "UPDATE audit_log SET subject = 'dan'",
        ] {
            let url = database.url.clone();
            let tried = std::panic::catch_unwind(|| execute(&url, statement));
            assert!(tried.is_err(), "{statement}");
        }
        let verified = verify(&store).await;
        assert_eq!((verified.entries, verified.broken), (6, None));
    }
}

#[tokio::test]
async fn whatever_is_changed_taken_out_or_exchanged_breaks_the_chain_there() {
    let swapped = "UPDATE audit_log SET seq = -seq WHERE seq IN (3, 4);
         UPDATE audit_log SET seq = 7 + seq WHERE seq IN (-3, -4)";
    for (statement, good, words) in [
        ("UPDATE audit_log SET entry = replace(entry, 'ann', 'eve') WHERE seq = 3", 2, "changed"),
        ("DELETE FROM audit_log WHERE seq = 3", 2, "entry 3 is missing"),
        ("DELETE FROM audit_log WHERE seq = 1", 0, "entry 1 is missing"),
        (swapped, 2, "entry 3 was changed, or does not follow"),
        ("UPDATE audit_log SET subject = 'cem' WHERE seq = 4", 3, "not about the user it names"),
        (
            "UPDATE audit_log SET subject_digest = NULL WHERE seq = 4",
            3,
            "not about the user it names",
        ),
    ] {
        for database in databases() {
            let store = filled(&database.url).await;
            let before = verify(&store).await;
            assert_eq!((before.entries, &before.broken), (6, &None));
            unguard(&database.url);
            execute(&database.url, statement);
            let verified = verify(&store).await;
            let broken = verified.broken.unwrap();
            assert!(verified.entries == good && broken.contains(words), "{statement}: {broken}");
        }
    }
}

#[tokio::test]
async fn a_log_that_was_cut_off_is_known_by_a_hash_from_before_and_erasing_breaks_nothing() {
    for database in databases() {
        let store = filled(&database.url).await;
        let before = store.verify_audit_log(Some(6)).await.unwrap();
        assert_eq!(before.asked.as_ref(), Some(&before.head));
        let ben = UserId::stored("ben");
        store.erase_user(&ben).await.unwrap();
        note(&store, ERASED, Some("ben")).await;
        // A call that was answered meanwhile.
        note(&store, "user.viewed", Some("ben")).await;
        let found = store.audit_entries(Some(&ben), None, 10).await.unwrap();
        assert_eq!(found.rows.len(), 5);
        assert!(found.rows.iter().all(|row| row.subject.is_none()));
        let all = store.audit_entries(None, Some(4), 2).await.unwrap();
        let named = |row: &crate::store::AuditEntry| row.subject.as_ref().map(ToString::to_string);
        let named: Vec<_> = all.rows.iter().map(named).collect();
        assert_eq!((named, all.more), (vec![Some("cem".to_owned()), None], true));
        let verified = verify(&store).await;
        assert_eq!((verified.entries, verified.broken), (8, None));

        unguard(&database.url);
        execute(&database.url, "DELETE FROM audit_log WHERE seq > 5");
        let cut = store.verify_audit_log(Some(6)).await.unwrap();
        assert_eq!((cut.entries, cut.broken, cut.asked), (5, None, None));
    }
}
