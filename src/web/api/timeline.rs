//! The timeline of a user: what ran, why, and with what result.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::model::{Cause, LineOutcome, UserId};
use crate::web::auth::AppKey;
use crate::web::{Problem, State, paging};

/// An entry of the timeline.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"partner": "withings", "cause": "connect", "outcome": "connected", "summary": "connected Withings; its data is read from the beginning", "detail": null, "started_at": "2026-11-22T06:15:00Z", "finished_at": "2026-11-22T06:15:01Z", "times": 1}))]
pub(in crate::web) struct LineView {
    pub(in crate::web) partner: String,
    /// Why it was written.
    pub(in crate::web) cause: Cause,
    /// How it ended.
    pub(in crate::web) outcome: LineOutcome,
    /// What happened, in words.
    pub(in crate::web) summary: String,
    /// The same as structured data, of a sync; null for what else was done.
    #[schema(value_type = Option<crate::sync::Report>)]
    pub(in crate::web) detail: Box<RawValue>,
    pub(in crate::web) started_at: DateTime<Utc>,
    pub(in crate::web) finished_at: DateTime<Utc>,
    /// The number of consecutive scheduled syncs with this same result. `started_at` is from the
    /// first of them, `finished_at` and `detail` from the last.
    pub(in crate::web) times: i32,
}

#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct LineList {
    pub(in crate::web) syncs: Vec<LineView>,
    pub(in crate::web) next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Only entries of this partner.
    #[param(min_length = 1, max_length = 512, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    partner: Option<String>,
    /// The `next_cursor` of the previous page.
    #[param(max_length = 512)]
    cursor: Option<String>,
    /// The maximum number of entries.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// Lists what ran for a user, newest first.
#[utoipa::path(operation_id = "list_syncs", tag = "sync", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), Asked),
    responses((status = 200, description = "A page of the timeline", body = LineList)))]
#[get("/v1/users/{user}/syncs")]
pub(super) async fn list(
    _: AppKey,
    user: web::Path<UserId>,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let limit = paging::limit(asked.limit)?;
    let before = asked.cursor.as_deref().map(paging::position).transpose()?;
    if let Some(name) = &asked.partner {
        paging::partner(&state, name)?;
    }
    let (user, partner) = (user.into_inner(), asked.into_inner().partner);
    Ok(HttpResponse::Ok().json(page(&state, user, partner, before, limit).await?))
}

/// A page of the timeline.
pub(in crate::web) async fn page(
    state: &State,
    user: UserId,
    partner: Option<String>,
    before: Option<i64>,
    limit: i64,
) -> Result<LineList, Problem> {
    let lines = state.store().timeline(user, partner, before, limit).await?;
    let next_cursor = paging::next(&lines, |line| line.id.to_string());
    let view = |line: crate::store::StoredLine| LineView {
        partner: line.partner,
        cause: line.cause,
        outcome: line.outcome,
        summary: line.summary,
        detail: line.detail,
        started_at: line.started_at,
        finished_at: line.finished_at,
        times: line.times,
    };
    Ok(LineList { syncs: lines.rows.into_iter().map(view).collect(), next_cursor })
}
