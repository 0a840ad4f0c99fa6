//! One record of a user: what each partner has of it, why, and what happened to it.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::chart::newest::{in_words, says};
use super::list::title;
use crate::explain::Explanation;
use crate::model::{ChangeCause, ChangeKind, LinkState, RecordId, UserId};
use crate::store::RecordChange;
use crate::web::api::own_records::{RecordDetail, addressed, no_record};
use crate::web::api::{explain, records::Source};
use crate::web::auth::AdminKey;
use crate::web::parameters::NoParameters;
use crate::web::{Problem, State};

/// How many changes are shown.
const LATEST: i64 = 50;

/// A change of a record.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct ChangeLine {
    pub(in crate::web) change: ChangeKind,
    pub(in crate::web) at: DateTime<Utc>,
    /// Why, if that is known.
    pub(in crate::web) cause: Option<ChangeCause>,
    /// The partner whose sync it was.
    pub(in crate::web) partner: Option<String>,
}

/// A record with all that is known about it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct RecordPage {
    #[serde(flatten)]
    pub(in crate::web) record: RecordDetail,
    /// Where it is from and where else it is, in words.
    #[schema(example = "from RunKeeper, also at Strava")]
    pub(in crate::web) whereabouts: String,
    /// What it says, in some words.
    #[schema(example = "71.3 kg")]
    pub(in crate::web) says: String,
    /// Where it came from and, for each partner, whether it is there, or why not.
    pub(in crate::web) explanation: Explanation,
    /// What happened to it, the latest first: the latest 50 changes. Of old ones only the last is kept.
    pub(in crate::web) history: Vec<ChangeLine>,
    /// Whether there are older changes.
    pub(in crate::web) more: bool,
}

impl RecordPage {
    /// What it says, field by field.
    pub(in crate::web) fn fields(&self) -> Vec<(String, String)> {
        let record = &self.record.record;
        let content = record.measurement.as_ref().or(record.exercise.as_ref());
        let content = content.or(record.nutrition.as_ref());
        let content: Map<String, Value> =
            content.and_then(|it| serde_json::from_str(it.get()).ok()).unwrap_or_default();
        let field = |(name, value): (String, Value)| match value {
            Value::Null => None,
            Value::String(text) => Some((in_words(&name), text)),
            other => Some((in_words(&name), other.to_string())),
        };
        content.into_iter().filter_map(field).collect()
    }
}

/// Returns a record, deleted or not: what each partner has of it and why, and what happened to it.
#[utoipa::path(operation_id = "get_user_record", tag = "admin", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), ("id" = String, Path, description = "The record's id")),
    responses(
        (status = 200, description = "The record", body = RecordPage),
        (status = 403, description = "The key does not have scope `admin`", body = Problem),
        (status = 404, description = "The user has no such record", body = Problem),
    ))]
#[get("/admin/api/users/{user}/records/{id}")]
pub(in crate::web) async fn get(
    _: AdminKey,
    path: web::Path<(UserId, RecordId)>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(view(&state, path).await?))
}

/// All that is shown of the record of an address.
pub(in crate::web) async fn view(
    state: &State,
    path: web::Path<(UserId, RecordId)>,
) -> Result<RecordPage, Problem> {
    let (user, id) = addressed(path)?;
    let found = state.store().record(user.clone(), id.clone()).await?;
    let found = found.ok_or_else(|| no_record(&user, &id))?;
    let history = state.store().record_history(user, id, LATEST).await?;
    let explanation = explain::record(state, &found.0, found.1.clone()).await?;
    let line = |it: RecordChange| ChangeLine {
        change: it.change,
        at: it.at,
        cause: it.cause,
        partner: it.partner,
    };
    let says = says(&found.0);
    let record = RecordDetail::new(found, &state.directory);
    Ok(RecordPage {
        says,
        whereabouts: whereabouts(state, &record),
        record,
        explanation,
        more: history.more,
        history: history.rows.into_iter().map(line).collect(),
    })
}

/// `from RunKeeper, also at Strava`.
pub(in crate::web) fn whereabouts(state: &State, record: &RecordDetail) -> String {
    let source = match &record.record.source {
        Source::Partner { partner, .. } => Some(partner.as_str()),
        Source::App { .. } => None,
    };
    let from = source.map_or("from the host app", |_| "from ");
    let mut text = format!("{from}{}", source.map_or("", |partner| title(state, partner)));
    let others = record.partners.iter().filter(|link| Some(link.partner.as_str()) != source);
    let there = others.filter(|link| link.external_id.is_some() && link.state != LinkState::Gone);
    let there: Vec<_> = there.map(|link| title(state, &link.partner)).collect();
    if !there.is_empty() {
        text.push_str(", also at ");
        text.push_str(&there.join(" and "));
    }
    text
}
