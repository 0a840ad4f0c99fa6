//! The error log.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::auth::AdminKey;
use super::{Problem, State, paging};
use crate::incidents::{Incident, IncidentCode, IncidentState, wording};
use crate::model::{ConnectionId, RecordId, UserId};
use crate::store::IncidentFilter;

/// A scenario that keeps data from arriving, and whom it concerns.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": 7, "code": "limit_exhausted", "state": "open", "partner": "strava", "user_id": null, "connection_id": null, "record_id": null, "endpoint_id": null, "external_id": null, "users": 31, "count": 4, "first_at": "2026-11-22T06:15:00Z", "last_at": "2026-11-22T06:21:00Z", "closed_at": null, "closed_why": null, "sentence": "A limit of Strava is used up: Strava: 100 reads in 15m. Syncs wait until it allows more calls.", "mend": "It passes by itself."}))]
struct ErrorView {
    id: i64,
    code: IncidentCode,
    state: IncidentState,
    /// The partner it concerns; without a user, all of its users.
    partner: Option<String>,
    #[schema(value_type = Option<String>)]
    user_id: Option<UserId>,
    #[schema(value_type = Option<i64>)]
    connection_id: Option<ConnectionId>,
    #[schema(value_type = Option<String>)]
    record_id: Option<RecordId>,
    /// The webhook endpoint it concerns.
    endpoint_id: Option<String>,
    /// The partner's id of what it is about: a record, or an account.
    external_id: Option<String>,
    /// How many users it concerns, if it concerns more than one.
    users: Option<i64>,
    /// How often it was seen.
    count: i64,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    /// Why it was closed.
    closed_why: Option<String>,
    /// What it means.
    sentence: String,
    /// What mends it.
    mend: String,
}

impl ErrorView {
    fn new(incident: Incident, state: &State) -> Self {
        let name = incident.partner.as_deref().unwrap_or_default();
        let title = state.directory.spec(name).map_or(name, |spec| spec.manifest().title);
        let words = wording(incident.code, title, name, incident.detail.as_deref());
        Self {
            state: incident.state(),
            id: incident.id,
            code: incident.code,
            partner: incident.partner,
            user_id: incident.user_id,
            connection_id: incident.connection,
            record_id: incident.record,
            endpoint_id: incident.endpoint,
            external_id: incident.external_id,
            users: incident.users,
            count: incident.times,
            first_at: incident.first_at,
            last_at: incident.last_at,
            closed_at: incident.closed_at,
            closed_why: incident.closed_why,
            sentence: words.sentence,
            mend: words.mend,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorList {
    errors: Vec<ErrorView>,
    next_cursor: Option<String>,
}

/// Which errors to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Wanted {
    /// Those that go on.
    Open,
    /// Those that are over.
    Closed,
    /// All.
    #[default]
    All,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// `open`, `closed` or `all`. Default `all`.
    #[param(inline)]
    state: Option<Wanted>,
    /// Only this scenario.
    code: Option<IncidentCode>,
    /// Only those that concern this partner.
    #[param(min_length = 1, max_length = 512, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    partner: Option<String>,
    /// Only those that concern this user.
    #[param(value_type = Option<String>, min_length = 1, max_length = 256, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    user: Option<String>,
    /// The `next_cursor` of the previous page.
    #[param(max_length = 512)]
    cursor: Option<String>,
    /// The maximum number of errors.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// Lists the error log: known scenarios that keep data from arriving, the latest to begin first. The
/// daemon opens and closes them itself.
#[utoipa::path(operation_id = "list_errors", tag = "admin", security(("key" = [])), params(Asked), responses(
    (status = 200, description = "A page of the error log", body = ErrorList),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
))]
#[get("/admin/api/errors")]
pub(super) async fn list(
    _: AdminKey,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let limit = paging::limit(asked.limit)?;
    let before = asked.cursor.as_deref().map(paging::position).transpose()?;
    if let Some(name) = &asked.partner {
        paging::partner(&state, name)?;
    }
    let asked = asked.into_inner();
    let filter = IncidentFilter {
        state: match asked.state.unwrap_or_default() {
            Wanted::Open => Some(IncidentState::Open),
            Wanted::Closed => Some(IncidentState::Closed),
            Wanted::All => None,
        },
        code: asked.code,
        partner: asked.partner,
        user: asked.user.map(UserId::stored),
        before,
    };
    let found = state.store().incidents(filter, limit).await?;
    let next_cursor = paging::next(&found, |incident| incident.id.to_string());
    let errors = found.rows.into_iter().map(|it| ErrorView::new(it, &state)).collect();
    Ok(HttpResponse::Ok().json(ErrorList { errors, next_cursor }))
}
