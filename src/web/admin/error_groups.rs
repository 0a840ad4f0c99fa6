//! What is open in the error log, in groups.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::incidents::{IncidentCode, IncidentGroup, Needs, wording};
use crate::web::auth::AdminKey;
use crate::web::parameters::NoParameters;
use crate::web::{Problem, State};

/// The open errors of one scenario at one partner.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"code": "authorization_revoked", "needs": "users", "partner": "withings", "title": "Withings", "headline": "131 users must reconnect Withings", "sentence": "Withings does not accept this user's grant any more: it was revoked, or has expired. Nothing is polled or pushed; what is here stays.", "mend": "Let the user connect again: POST /v1/users/{user}/connections/withings/authorize gives the link.", "errors": 131, "users": 131, "count": 131, "first_at": "2026-06-03T06:15:00Z", "last_at": "2026-11-22T06:21:00Z", "user_ids": ["ann", "ben"], "endpoint_ids": []}))]
pub(in crate::web) struct ErrorGroup {
    pub(in crate::web) code: IncidentCode,
    pub(in crate::web) needs: Needs,
    /// The partner they concern, if they concern one.
    pub(in crate::web) partner: Option<String>,
    /// Its display name.
    pub(in crate::web) title: Option<String>,
    /// What it is, in a line.
    pub(in crate::web) headline: String,
    /// What it means; with the particulars if there is only one error.
    pub(in crate::web) sentence: String,
    /// What mends it.
    pub(in crate::web) mend: String,
    /// How many errors are open.
    pub(in crate::web) errors: i64,
    /// How many users they concern.
    pub(in crate::web) users: i64,
    /// How often they were seen.
    pub(in crate::web) count: i64,
    /// When the first of them was first seen.
    pub(in crate::web) first_at: DateTime<Utc>,
    /// When one of them was last seen.
    pub(in crate::web) last_at: DateTime<Utc>,
    /// Some of the users, those whom it met last.
    pub(in crate::web) user_ids: Vec<String>,
    /// The webhook endpoints, or some of them.
    pub(in crate::web) endpoint_ids: Vec<String>,
}

impl ErrorGroup {
    fn new(group: IncidentGroup, state: &State) -> Self {
        let name = group.partner.as_deref().unwrap_or_default();
        let title = state.directory.spec(name).map_or(name, |spec| spec.manifest().title);
        let detail = group.only().and_then(|only| only.detail.as_deref());
        let words = wording(group.code, title, name, detail);
        let users = group.latest.iter().filter_map(|it| it.user_id.as_ref());
        let endpoints = group.latest.iter().filter_map(|it| it.endpoint.clone());
        Self {
            code: group.code,
            needs: group.needs(state.now()),
            headline: group.heading(title),
            title: (!title.is_empty()).then(|| title.to_owned()),
            sentence: words.sentence,
            mend: words.mend,
            errors: group.incidents,
            users: group.users,
            count: group.times,
            first_at: group.first_at,
            last_at: group.last_at,
            user_ids: users.map(|user| user.as_str().to_owned()).collect(),
            endpoint_ids: endpoints.collect(),
            partner: group.partner,
        }
    }
}

/// What is open, of one partner or of all: what needs the administrator first, then what needs users,
/// then what passes by itself; in each, what concerns most users first.
pub(in crate::web) async fn open_groups(
    state: &State,
    partner: Option<&str>,
) -> Result<Vec<ErrorGroup>, Problem> {
    let groups = state.store().incident_groups().await?;
    let asked =
        groups.into_iter().filter(|it| partner.is_none() || it.partner.as_deref() == partner);
    let mut groups: Vec<_> = asked.map(|group| ErrorGroup::new(group, state)).collect();
    groups.sort_by_key(|group| (group.needs, std::cmp::Reverse(group.users), group.first_at));
    Ok(groups)
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorGroups {
    groups: Vec<ErrorGroup>,
}

/// Lists what is open in the error log, one group for each scenario and partner. What needs the
/// administrator comes first, then what needs users, then what passes by itself. The counts are seconds
/// old where very much is open.
#[utoipa::path(operation_id = "list_error_groups", tag = "admin", security(("key" = [])), responses(
    (status = 200, description = "What is open", body = ErrorGroups),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
))]
#[get("/admin/api/errors/groups")]
pub(super) async fn list(
    _: AdminKey,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let groups = open_groups(&state, None).await?;
    Ok(HttpResponse::Ok().json(ErrorGroups { groups }))
}
