//! The audit log: entries are added and read, never changed. See [`crate::audit`].

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;

use crate::audit::{Act, Chain, Entry, encoded};
use crate::model::UserId;
use crate::store::sql::db::Db;
use crate::store::sql::listed::Listed;
use crate::store::sql::schema::{audit_log, connect_links, connections, records};
use crate::store::sql::time::to_micros;
use crate::store::{Store, StoreError};

/// How many entries are checked at once.
const ROWS: i64 = 1_000;

/// An entry of the log.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    /// What was done.
    pub entry: Entry,
    /// The user it was done to, until the user is erased.
    pub subject: Option<UserId>,
    /// Its hash, in base64url.
    pub hash: String,
}

/// What came of a check of the whole log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many entries are good, from the first on.
    pub entries: i64,
    /// The hash of the last good one, in base64url.
    pub head: String,
    /// What is wrong with the next one, if anything is.
    pub broken: Option<String>,
    /// The hash of the entry that was asked for, if it is there.
    pub asked: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit_log)]
struct Row {
    seq: i64,
    entry: String,
    hash: Vec<u8>,
    subject: Option<UserId>,
    subject_digest: Option<Vec<u8>>,
}

impl Store {
    /// Adds what was done.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit(&self, act: Act, now: DateTime<Utc>) -> Result<(), StoreError> {
        let chain = Arc::clone(&self.audit_chain);
        let (action, outcome) = (act.action, act.outcome);
        let (seq, hash) = self.write(move |db| append(db, &chain, act, now)).await?;
        // A copy that whoever changes the database does not have. It names nobody. Users connect and disconnect
        // all the time; their entries are held by the next one's hash.
        if action.starts_with("connect") {
            tracing::debug!(audit.seq = seq, audit.hash = hash, action, "noted in the audit log");
        } else {
            tracing::info!(
                audit.seq = seq,
                audit.hash = hash,
                action,
                ?outcome,
                "noted in the audit log"
            );
        }
        Ok(())
    }

    /// The newest entries before `before`, of one user or of all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_entries(
        &self,
        user: Option<&UserId>,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Listed<AuditEntry>, StoreError> {
        let subject = user.map(|user| self.audit_chain.subject(user));
        let mut rows: Vec<Row> = self
            .read(move |db| {
                let before = before.unwrap_or(i64::MAX);
                let found = audit_log::table
                    .filter(audit_log::seq.lt(before))
                    .order(audit_log::seq.desc())
                    .limit(limit.saturating_add(1))
                    .select(Row::as_select());
                match subject {
                    Some(subject) => {
                        found.filter(audit_log::subject_digest.eq(Some(subject))).load(db)
                    }
                    None => found.load(db),
                }
            })
            .await?;
        let most = usize::try_from(limit).unwrap_or_default();
        let more = rows.len() > most;
        rows.truncate(most);
        let read = |row: Row| {
            let entry = serde_json::from_str(&row.entry);
            let entry = entry.map_err(|_| StoreError::Corrupt("an entry of the audit log"))?;
            Ok(AuditEntry { entry, subject: row.subject, hash: encoded(&row.hash) })
        };
        let rows: Result<_, StoreError> = rows.into_iter().map(read).collect();
        Ok(Listed { rows: rows?, more })
    }

    /// Checks the whole log, from the first entry until the first that is wrong. `asked` is a number whose
    /// hash is wanted besides.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn verify_audit_log(&self, asked: Option<i64>) -> Result<Verified, StoreError> {
        let mut verified = Verified { entries: 0, head: String::new(), broken: None, asked: None };
        let mut before = Vec::new();
        loop {
            let after = verified.entries;
            let rows: Vec<Row> = self
                .read(move |db| {
                    audit_log::table
                        .filter(audit_log::seq.gt(after))
                        .order(audit_log::seq)
                        .limit(ROWS)
                        .select(Row::as_select())
                        .load(db)
                })
                .await?;
            if rows.is_empty() {
                return Ok(verified);
            }
            for row in rows {
                if let Some(wrong) = self.wrong(&row, verified.entries + 1, &before) {
                    verified.broken = Some(wrong);
                    return Ok(verified);
                }
                before.clone_from(&row.hash);
                verified.entries = row.seq;
                verified.head = encoded(&row.hash);
                if asked == Some(row.seq) {
                    verified.asked = Some(encoded(&row.hash));
                }
            }
        }
    }

    /// What is wrong with a row that should have this number and follow this hash.
    fn wrong(&self, row: &Row, seq: i64, before: &[u8]) -> Option<String> {
        if row.seq != seq {
            return Some(format!("entry {seq} is missing"));
        }
        if self.audit_chain.hash(before, &row.entry) != row.hash {
            return Some(format!("entry {seq} was changed, or does not follow the one before it"));
        }
        let Ok(entry) = serde_json::from_str::<Entry>(&row.entry) else {
            return Some(format!("entry {seq} cannot be read"));
        };
        let named = row.subject.as_ref().map(|user| encoded(&self.audit_chain.subject(user)));
        // By this column the entries of a user are found.
        let found_by = row.subject_digest.as_deref().map(encoded);
        let is_anothers = named.is_some_and(|named| entry.subject != Some(named));
        if entry.seq != seq || is_anothers || entry.subject != found_by {
            return Some(format!("entry {seq} is not about the user it names"));
        }
        None
    }
}

fn append(
    db: &mut Db,
    chain: &Chain,
    act: Act,
    now: DateTime<Utc>,
) -> Result<(i64, String), StoreError> {
    let last: Option<(i64, Vec<u8>)> = audit_log::table
        .order(audit_log::seq.desc())
        .select((audit_log::seq, audit_log::hash))
        .first(db)
        .optional()?;
    let (seq, before) = last.unwrap_or_default();
    let seq = seq + 1;
    let digest = act.subject.as_ref().map(|user| chain.subject(user));
    let subject = match &act.subject {
        Some(user) if is_here(db, user)? => Some(user.clone()),
        _ => None,
    };
    let entry = Entry::new(act, seq, to_micros(now), digest.as_deref());
    let entry = serde_json::to_string(&entry)
        .map_err(|_| StoreError::Corrupt("an entry of the audit log"))?;
    let hash = chain.hash(&before, &entry);
    let shown = encoded(&hash);
    diesel::insert_into(audit_log::table)
        .values((
            audit_log::seq.eq(seq),
            audit_log::entry.eq(entry),
            audit_log::hash.eq(hash),
            audit_log::subject.eq(subject),
            audit_log::subject_digest.eq(digest),
        ))
        .execute(db)?;
    Ok((seq, shown))
}

/// Whether something of a user is here. Who was erased, perhaps while the call was answered, is not named
/// again.
fn is_here(db: &mut Db, user: &UserId) -> QueryResult<bool> {
    let connected = connections::table.filter(connections::user_id.eq(user));
    let recorded = records::table.filter(records::user_id.eq(user));
    let invited = connect_links::table.filter(connect_links::user_id.eq(user));
    Ok(diesel::select(exists(connected)).get_result(db)?
        || diesel::select(exists(recorded)).get_result(db)?
        || diesel::select(exists(invited)).get_result(db)?)
}

/// Takes the readable name of an erased user out of the log; what the hashes are over stays.
pub(in crate::store) fn forget_subject(db: &mut Db, user: &UserId) -> QueryResult<usize> {
    let named = audit_log::table.filter(audit_log::subject.eq(user.as_str()));
    diesel::update(named).set(audit_log::subject.eq(None::<String>)).execute(db)
}
