//! The error log.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::incidents::{Incident, IncidentCode, IncidentState, Needs, heading, needs, wording};
use crate::model::{ConnectionId, RecordId, UserId};
use crate::store::IncidentFilter;
use crate::web::auth::AdminKey;
use crate::web::{Problem, State, paging};

/// A scenario that keeps data from arriving, and whom it concerns.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": 7, "code": "limit_exhausted", "state": "open", "needs": "nobody", "headline": "Strava’s limit is used up", "partner": "strava", "user_id": null, "connection_id": null, "record_id": null, "endpoint_id": null, "external_id": null, "users": 31, "count": 4, "first_at": "2026-11-22T06:15:00Z", "last_at": "2026-11-22T06:21:00Z", "closed_at": null, "closed_why": null, "sentence": "A limit of Strava is used up: Strava: 100 reads in 15m. Syncs wait until it allows more calls.", "mend": "It passes by itself."}))]
pub(in crate::web) struct ErrorView {
    pub(in crate::web) id: i64,
    pub(in crate::web) code: IncidentCode,
    pub(in crate::web) state: IncidentState,
    pub(in crate::web) needs: Needs,
    /// What it is, in a line.
    pub(in crate::web) headline: String,
    /// The partner it concerns; without a user, all of its users.
    pub(in crate::web) partner: Option<String>,
    #[schema(value_type = Option<String>)]
    pub(in crate::web) user_id: Option<UserId>,
    #[schema(value_type = Option<i64>)]
    pub(in crate::web) connection_id: Option<ConnectionId>,
    #[schema(value_type = Option<String>)]
    pub(in crate::web) record_id: Option<RecordId>,
    /// The webhook endpoint it concerns.
    pub(in crate::web) endpoint_id: Option<String>,
    /// The partner's id of what it is about: a record, or an account.
    pub(in crate::web) external_id: Option<String>,
    /// How many users it concerns, if it concerns more than one.
    pub(in crate::web) users: Option<i64>,
    /// How often it was seen.
    pub(in crate::web) count: i64,
    pub(in crate::web) first_at: DateTime<Utc>,
    pub(in crate::web) last_at: DateTime<Utc>,
    pub(in crate::web) closed_at: Option<DateTime<Utc>>,
    /// Why it was closed.
    pub(in crate::web) closed_why: Option<String>,
    /// What it means.
    pub(in crate::web) sentence: String,
    /// What mends it.
    pub(in crate::web) mend: String,
}

impl ErrorView {
    fn new(incident: Incident, state: &State) -> Self {
        let name = incident.partner.as_deref().unwrap_or_default();
        let title = state.directory.spec(name).map_or(name, |spec| spec.manifest().title);
        let words = wording(incident.code, title, name, incident.detail.as_deref());
        Self {
            state: incident.state(),
            needs: needs(incident.code, incident.first_at, state.now()),
            headline: heading(incident.code, title, incident.users.unwrap_or(1)),
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
pub(in crate::web) struct ErrorList {
    pub(in crate::web) errors: Vec<ErrorView>,
    pub(in crate::web) next_cursor: Option<String>,
}

/// Which errors to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::web) enum Wanted {
    /// Those that go on.
    Open,
    /// Those that are over.
    Closed,
    /// All.
    #[default]
    All,
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct Asked {
    /// `open`, `closed` or `all`. Default `all`.
    #[param(inline)]
    pub(in crate::web) state: Option<Wanted>,
    /// Only this scenario.
    pub(in crate::web) code: Option<IncidentCode>,
    /// Only those that concern this partner.
    #[param(min_length = 1, max_length = 512, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub(in crate::web) partner: Option<String>,
    /// Only those that concern this user.
    #[param(value_type = Option<String>, min_length = 1, max_length = 256, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub(in crate::web) user: Option<String>,
    /// The `next_cursor` of the previous page.
    #[param(max_length = 512)]
    pub(in crate::web) cursor: Option<String>,
    /// The maximum number of errors.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub(in crate::web) limit: Option<u32>,
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
    Ok(HttpResponse::Ok().json(errors(&state, asked.into_inner()).await?))
}

/// A page of the error log.
pub(in crate::web) async fn errors(state: &State, asked: Asked) -> Result<ErrorList, Problem> {
    let limit = paging::limit(asked.limit)?;
    let before = asked.cursor.as_deref().map(paging::position).transpose()?;
    if let Some(name) = &asked.partner {
        paging::partner(state, name)?;
    }
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
    let errors = found.rows.into_iter().map(|it| ErrorView::new(it, state)).collect();
    Ok(ErrorList { errors, next_cursor })
}
