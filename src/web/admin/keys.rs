//! API keys: which there are, new ones, and an end of those that are not needed any more.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, delete, get, post, web};
use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::keys;
use crate::store::{ApiKey, KeyScope, NewKey, Revoked};
use crate::web::audit::AuditNote;
use crate::web::auth::{AdminKey, AppKey};
use crate::web::body::Body;
use crate::web::parameters::NoParameters;
use crate::web::{Problem, State};

/// A key; never its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "5f0c2a9d81b3", "scope": "app", "label": "phone backend", "created_at": "2026-12-01T06:15:00Z", "last_used_at": "2026-12-01T08:15:00Z", "revoked_at": null, "expires_at": "2027-03-01T06:15:00Z", "expires_soon": false, "is_last_admin": false}))]
pub(in crate::web) struct KeyView {
    /// What names it; it stands in the key after its scope.
    pub(in crate::web) id: String,
    pub(in crate::web) scope: KeyScope,
    /// What it is for.
    pub(in crate::web) label: String,
    pub(in crate::web) created_at: DateTime<Utc>,
    /// When it was last used; after a restart, to the minute.
    pub(in crate::web) last_used_at: Option<DateTime<Utc>>,
    pub(in crate::web) revoked_at: Option<DateTime<Utc>>,
    /// From when on it is refused; null if it does not expire.
    pub(in crate::web) expires_at: Option<DateTime<Utc>>,
    /// Whether it is in force and expires within 14 days.
    pub(in crate::web) expires_soon: bool,
    /// Whether it is the only one of scope `admin` in force.
    pub(in crate::web) is_last_admin: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct KeyList {
    keys: Vec<KeyView>,
    /// Always null: all keys are one page.
    next_cursor: Option<String>,
}

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"scope": "app", "label": "phone backend", "expires_in_days": 90}))]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct NewApiKey {
    /// What it may do: `app` for the host app's calls, `admin` for all; with `:read` those that change nothing.
    pub(in crate::web) scope: KeyScope,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub(in crate::web) label: String,
    /// After how many days it is refused; without this it does not expire.
    #[schema(minimum = 1, maximum = 3650, example = 90)]
    pub(in crate::web) expires_in_days: Option<u16>,
}

/// A new key.
#[derive(Serialize, ToSchema)]
struct CreatedKey {
    id: String,
    scope: KeyScope,
    label: String,
    created_at: DateTime<Utc>,
    /// From when on it is refused; null if it does not expire.
    expires_at: Option<DateTime<Utc>>,
    /// The key itself. It is not stored and not shown again.
    #[schema(example = "sw_app_5f0c2a9d81b3_9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d")]
    key: String,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Confirmed {
    /// The key's id once more, to revoke the last one of scope `admin`.
    #[param(max_length = 512)]
    confirm: Option<String>,
}

/// All keys, oldest first.
pub(in crate::web) async fn all(state: &State) -> Result<Vec<KeyView>, Problem> {
    let (keys, now) = (state.store().keys().await?, state.now());
    let is_admin = |key: &ApiKey| key.scope == KeyScope::Admin && key.is_in_force(now);
    let admins = keys.iter().filter(|key| is_admin(key)).count();
    let view = |key: ApiKey| KeyView {
        is_last_admin: admins == 1 && is_admin(&key),
        expires_soon: key.expires_soon(now),
        expires_at: key.expires_at,
        id: key.id,
        scope: key.scope,
        label: key.label,
        created_at: key.created_at,
        last_used_at: key.last_used_at,
        revoked_at: key.revoked_at,
    };
    Ok(keys.into_iter().map(view).collect())
}

/// Makes a key. Returns its id, the key, and when it expires.
pub(in crate::web) async fn make(
    state: &State,
    new: NewApiKey,
) -> Result<(String, SecretString, Option<DateTime<Utc>>), Problem> {
    let expires_at = new.expires_in_days.map(|days| state.now() + TimeDelta::days(days.into()));
    let new = NewKey { expires_at, ..keys::generate(new.scope, new.label) };
    let (id, key, scope) = (new.id.clone(), new.key.clone(), new.scope.name());
    state.store().add_key(new, state.now()).await?;
    tracing::info!(key.id = id, key.scope = scope, "an API key was made");
    Ok((id, key, expires_at))
}

/// Revokes a key; the last one of scope admin only if that is confirmed.
pub(in crate::web) async fn revoke(
    state: &State,
    id: &str,
    is_confirmed: bool,
) -> Result<(), Problem> {
    let revoked = state.store().revoke_key_unless_last(id.to_owned(), !is_confirmed, state.now());
    match revoked.await? {
        Revoked::Done => {
            tracing::info!(key.id = id, "an API key was revoked");
            Ok(())
        }
        Revoked::Unknown => {
            let detail =
                "there is no key of this id in force; GET /admin/api/keys lists all of them";
            Err(Problem::not_found("no-such-key", detail))
        }
        Revoked::LastAdmin => {
            let detail = format!(
                "this is the last key of scope admin. Without one nobody can use these pages and calls, and a \
                 new one can be made only on the server: syncwell key create --scope admin. To revoke it all \
                 the same, confirm with its id: ?confirm={id}"
            );
            Err(Problem::new(StatusCode::CONFLICT, "last-admin-key", detail))
        }
    }
}

/// Lists the API keys, oldest first, with those that were revoked.
#[utoipa::path(operation_id = "list_keys", tag = "admin", security(("key" = [])), responses(
    (status = 200, description = "All keys", body = KeyList),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
))]
#[get("/admin/api/keys")]
pub(super) async fn list(
    _: AdminKey,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(KeyList { keys: all(&state).await?, next_cursor: None }))
}

/// Makes an API key. The key is in this answer only.
#[utoipa::path(operation_id = "make_key", tag = "admin", security(("key" = [])), request_body = NewApiKey, responses(
    (status = 201, description = "The new key", body = CreatedKey),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
))]
#[post("/admin/api/keys")]
pub(super) async fn add(
    note: AuditNote,
    _: AdminKey,
    caller: AppKey,
    body: Body<NewApiKey>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let new = body.read(&caller, &state).await?;
    let (scope, label, created_at) = (new.scope, new.label.clone(), state.now());
    let (id, key, expires_at) = make(&state, new).await?;
    note.about(&id);
    let key = key.expose_secret().to_owned();
    Ok(HttpResponse::Created().json(CreatedKey { id, scope, label, created_at, expires_at, key }))
}

/// Revokes an API key, also the one that asks: from the next call on it is refused. The last one of scope
/// `admin` has to be confirmed.
#[utoipa::path(operation_id = "revoke_key", tag = "admin", security(("key" = [])), params(("id" = String, Path, description = "The key's id"), Confirmed), responses(
    (status = 204, description = "It is revoked"),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
    (status = 404, description = "No such key in force", body = Problem),
    (status = 409, description = "It is the last key of scope `admin`, and that is not confirmed", body = Problem),
))]
#[delete("/admin/api/keys/{id}")]
pub(super) async fn end(
    _: AdminKey,
    id: web::Path<String>,
    confirmed: web::Query<Confirmed>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let is_confirmed = confirmed.confirm.as_deref() == Some(id.as_str());
    revoke(&state, &id, is_confirmed).await?;
    Ok(HttpResponse::NoContent().finish())
}
