//! The audit log: who did what to whom.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::audit::{Actor, Outcome};
use crate::model::UserId;
use crate::store::AuditEntry;
use crate::web::auth::AdminKey;
use crate::web::{Problem, State, paging};

/// What kind of caller did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::web) enum ActorKind {
    /// Whoever has the API key that `actor` names.
    Key,
    /// The administrator that `actor` names.
    Administrator,
    /// The user, on the connect page or coming back from a partner.
    User,
    /// Whoever may run the program on the server.
    CommandLine,
    /// A sign-in that failed.
    Unknown,
}

/// Something that somebody did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"seq": 1204, "at": "2026-12-01T06:15:00Z", "actor_kind": "administrator", "actor": "ann", "action": "connection.disconnected", "outcome": "done", "user_id": "u-1042", "user_erased": false, "about": "withings", "hash": "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg"}))]
pub(in crate::web) struct AuditView {
    /// Its number. None is left out.
    pub(in crate::web) seq: i64,
    pub(in crate::web) at: DateTime<Utc>,
    pub(in crate::web) actor_kind: ActorKind,
    /// The key's id, or the administrator's name.
    pub(in crate::web) actor: Option<String>,
    /// What was done.
    #[schema(example = "key.created")]
    pub(in crate::web) action: String,
    pub(in crate::web) outcome: Outcome,
    /// The user it was done to, until the user is erased.
    #[schema(value_type = Option<String>)]
    pub(in crate::web) user_id: Option<UserId>,
    /// Whether it was done to a user who is erased.
    pub(in crate::web) user_erased: bool,
    /// What else it was done to: a partner, a key, an endpoint.
    pub(in crate::web) about: Option<String>,
    /// The hash that chains it to the entries before it, in base64url.
    pub(in crate::web) hash: String,
}

impl From<AuditEntry> for AuditView {
    fn from(AuditEntry { entry, subject, hash }: AuditEntry) -> Self {
        let at = entry.time();
        let (actor_kind, actor) = match entry.actor {
            Actor::Key(id) => (ActorKind::Key, Some(id)),
            Actor::Administrator(name) => (ActorKind::Administrator, Some(name)),
            Actor::User => (ActorKind::User, None),
            Actor::CommandLine => (ActorKind::CommandLine, None),
            Actor::Unknown => (ActorKind::Unknown, None),
        };
        Self {
            seq: entry.seq,
            at,
            actor_kind,
            actor,
            action: entry.action,
            outcome: entry.outcome,
            user_erased: entry.subject.is_some() && subject.is_none(),
            user_id: subject,
            about: entry.about,
            hash,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct AuditList {
    pub(in crate::web) entries: Vec<AuditView>,
    pub(in crate::web) next_cursor: Option<String>,
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct Asked {
    /// Only what was done to this user, also before the user was erased.
    #[param(value_type = Option<String>, min_length = 1, max_length = 256, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub(in crate::web) user: Option<String>,
    /// The `next_cursor` of the previous page.
    #[param(max_length = 512)]
    pub(in crate::web) cursor: Option<String>,
    /// The maximum number of entries.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub(in crate::web) limit: Option<u32>,
}

/// Lists the audit log, the newest first: what callers, administrators, users and commands did. Nothing is
/// ever changed or deleted in it; `syncwell audit verify` checks that.
#[utoipa::path(operation_id = "list_audit_log", tag = "admin", security(("key" = [])), params(Asked), responses(
    (status = 200, description = "A page of the audit log", body = AuditList),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
))]
#[get("/admin/api/audit")]
pub(super) async fn list(
    _: AdminKey,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(entries(&state, asked.into_inner()).await?))
}

/// A page of the audit log.
pub(in crate::web) async fn entries(state: &State, asked: Asked) -> Result<AuditList, Problem> {
    let limit = paging::limit(asked.limit)?;
    let before = asked.cursor.as_deref().map(paging::position).transpose()?;
    let user = asked.user.map(UserId::stored);
    let found = state.store().audit_entries(user.as_ref(), before, limit).await?;
    let next_cursor = paging::next(&found, |it| it.entry.seq.to_string());
    Ok(AuditList { entries: found.rows.into_iter().map(AuditView::from).collect(), next_cursor })
}
