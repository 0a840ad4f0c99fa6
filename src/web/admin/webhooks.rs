//! How well webhook endpoints work, and what still waits for them.

use std::collections::HashMap;

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::events::{DISABLED_AFTER, changes_of};
use crate::model::DeliveryStatus;
use crate::store::{Delivery, DeliveryCount, Waiting, Wanted, WebhookEndpoint};
use crate::web::api::webhook_endpoints::EndpointView;
use crate::web::api::webhook_endpoints_calls::DeliveryList;
use crate::web::auth::AdminKey;
use crate::web::endpoints::find;
use crate::web::parameters::NoParameters;
use crate::web::{Problem, State, paging};

/// From this many of the last attempts it is said how fast an endpoint answers.
const MEASURED: i64 = 100;

/// How many of the last attempts are shown with an endpoint.
const SHOWN: usize = 5;

const HOURS: i64 = 24;

/// What was delivered within a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::web) struct Deliveries {
    /// Messages that the endpoint took.
    pub(in crate::web) delivered: i64,
    /// The changes in them.
    pub(in crate::web) changes: i64,
    /// Attempts that failed.
    pub(in crate::web) failed: i64,
}

/// What was delivered within an hour.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(in crate::web) struct Hour {
    /// Its beginning.
    pub(in crate::web) from: DateTime<Utc>,
    #[serde(flatten)]
    pub(in crate::web) deliveries: Deliveries,
}

/// What has not been delivered yet.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::web) struct WaitingView {
    /// Messages that were begun.
    pub(in crate::web) messages: i64,
    /// Users whose message has failed: what follows of them waits for it.
    pub(in crate::web) users: i64,
    /// Changes for the endpoint that are in no message yet.
    pub(in crate::web) changes: i64,
    /// Whether there may be more of them: only the next 10,000 lines of the feed are looked at.
    pub(in crate::web) more: bool,
    /// When the oldest of all that happened.
    pub(in crate::web) oldest_at: Option<DateTime<Utc>>,
    /// When the first of the messages is to be tried, if the endpoint may be by then.
    pub(in crate::web) next_attempt_at: Option<DateTime<Utc>>,
}

/// How an attempt ended.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::web) struct Attempt {
    pub(in crate::web) at: DateTime<Utc>,
    pub(in crate::web) status: DeliveryStatus,
    /// The HTTP status of the answer, if there was one.
    pub(in crate::web) status_code: Option<u16>,
    /// What went wrong, in words.
    pub(in crate::web) error: Option<String>,
    pub(in crate::web) duration_ms: u32,
}

/// An endpoint and how well it works.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "we_6f1e0c52a34b4c1b8d0f6f8a7d1c9e42", "url": "https://app.example.com/hooks", "events": ["record.*"], "user_prefix": null, "description": null, "status": "failing", "created_at": "2026-12-01T06:15:00Z", "last_success_at": "2026-12-01T08:15:00Z", "failing_since": "2026-12-01T08:15:02Z", "failures": 4, "last_error": "it answered 500", "next_attempt_at": "2026-12-01T08:17:00Z", "disabled_at": null, "disabled_reason": null, "previous_secret_until": null, "disabled_unless_by": "2026-12-06T08:15:02Z", "last_hour": {"delivered": 31, "changes": 1204, "failed": 4}, "last_day": {"delivered": 611, "changes": 20310, "failed": 4}, "by_hour": [{"from": "2026-12-01T07:16:00Z", "delivered": 31, "changes": 1204, "failed": 4}], "answers_p95_ms": 61, "last_attempts": [{"at": "2026-12-01T08:16:00Z", "status": "failed", "status_code": 500, "error": "it answered 500", "duration_ms": 31}], "waiting": {"messages": 3, "users": 0, "changes": 120, "more": false, "oldest_at": "2026-12-01T08:15:01Z", "next_attempt_at": "2026-12-01T08:17:00Z"}}))]
pub(in crate::web) struct Webhook {
    #[serde(flatten)]
    pub(in crate::web) endpoint: EndpointView,
    /// It is disabled when every attempt until then fails.
    pub(in crate::web) disabled_unless_by: Option<DateTime<Utc>>,
    /// Counted for each five minutes.
    pub(in crate::web) last_hour: Deliveries,
    pub(in crate::web) last_day: Deliveries,
    /// The last 24 hours, oldest first.
    pub(in crate::web) by_hour: Vec<Hour>,
    /// Of its last 100 attempts that were answered, 95 percent were within this time.
    pub(in crate::web) answers_p95_ms: Option<u32>,
    /// The last five attempts, newest first.
    pub(in crate::web) last_attempts: Vec<Attempt>,
    pub(in crate::web) waiting: WaitingView,
}

#[derive(Serialize, ToSchema)]
pub(in crate::web) struct WebhookList {
    pub(in crate::web) webhooks: Vec<Webhook>,
    /// Always null: all endpoints are one page.
    pub(in crate::web) next_cursor: Option<String>,
}

/// All endpoints and how well each works.
pub(in crate::web) async fn all(state: &State) -> Result<Vec<Webhook>, Problem> {
    let endpoints = state.store().webhook_endpoints().await?;
    views(state, endpoints, None).await
}

/// One endpoint and how well it works.
pub(in crate::web) async fn one(state: &State, id: &str) -> Result<Webhook, Problem> {
    let found = views(state, vec![find(state, id).await?], Some(id.to_owned())).await?;
    found.into_iter().next().ok_or_else(crate::web::endpoints::no_endpoint)
}

async fn views(
    state: &State,
    endpoints: Vec<WebhookEndpoint>,
    only: Option<String>,
) -> Result<Vec<Webhook>, Problem> {
    let (store, now) = (state.store(), state.now());
    let mut counts: HashMap<String, Vec<DeliveryCount>> = HashMap::new();
    for count in store.delivery_counts(only, now - TimeDelta::hours(HOURS)).await? {
        counts.entry(count.endpoint.clone()).or_default().push(count);
    }
    let ids = endpoints.iter().map(|endpoint| endpoint.id.clone()).collect();
    let attempts = store.last_webhook_deliveries(ids, MEASURED).await?;
    let wanted = |endpoint: &WebhookEndpoint| Wanted {
        endpoint: endpoint.id.clone(),
        position: endpoint.position,
        changes: changes_of(&endpoint.events),
        user_prefix: endpoint.user_prefix.clone(),
    };
    let waiting = store.webhooks_waiting(endpoints.iter().map(wanted).collect()).await?;
    let parts = endpoints.into_iter().zip(attempts).zip(waiting);
    let view = |((endpoint, attempts), waiting): ((WebhookEndpoint, Vec<Delivery>), Waiting)| {
        let counts = counts.remove(&endpoint.id).unwrap_or_default();
        let by_hour = by_hour(&counts, now);
        let failing_since = endpoint.health.failing_since.filter(|_| endpoint.disabled.is_none());
        Webhook {
            disabled_unless_by: failing_since.map(|since| since + DISABLED_AFTER),
            last_hour: by_hour.last().map(|hour| hour.deliveries).unwrap_or_default(),
            last_day: by_hour
                .iter()
                .fold(Deliveries::default(), |sum, hour| sum.and(hour.deliveries)),
            by_hour,
            answers_p95_ms: p95(&attempts),
            last_attempts: attempts.into_iter().take(SHOWN).map(Attempt::from).collect(),
            waiting: waiting.into(),
            endpoint: EndpointView::new(endpoint, now),
        }
    };
    Ok(parts.map(view).collect())
}

/// The last hours, each with what was counted in it.
fn by_hour(counts: &[DeliveryCount], now: DateTime<Utc>) -> Vec<Hour> {
    let now = now.trunc_subsecs(0);
    let mut hours: Vec<Hour> = (1..=HOURS)
        .rev()
        .map(|back| Hour { from: now - TimeDelta::hours(back), deliveries: Deliveries::default() })
        .collect();
    for count in counts {
        let hour = hours.iter_mut().rev().find(|hour| count.at > hour.from);
        if let Some(hour) = hour {
            let DeliveryCount { delivered, changes, failed, .. } = *count;
            hour.deliveries = hour.deliveries.and(Deliveries { delivered, changes, failed });
        }
    }
    hours
}

fn p95(attempts: &[Delivery]) -> Option<u32> {
    let answered = attempts.iter().filter(|attempt| attempt.status_code.is_some());
    let mut took: Vec<u32> = answered.map(|attempt| attempt.duration_ms).collect();
    took.sort_unstable();
    took.get((took.len() * 95).div_ceil(100).saturating_sub(1)).copied()
}

impl Deliveries {
    fn and(self, other: Self) -> Self {
        Self {
            delivered: self.delivered + other.delivered,
            changes: self.changes + other.changes,
            failed: self.failed + other.failed,
        }
    }
}

impl From<Waiting> for WaitingView {
    fn from(waiting: Waiting) -> Self {
        let Waiting { messages, users, changes, more, oldest_at, next_at } = waiting;
        Self { messages, users, changes, more, oldest_at, next_attempt_at: next_at }
    }
}

impl From<Delivery> for Attempt {
    fn from(delivery: Delivery) -> Self {
        let Delivery { at, status, status_code, error, duration_ms, .. } = delivery;
        Self { at, status, status_code, error, duration_ms }
    }
}

/// Lists all webhook endpoints with how well each works: what it took and refused, how fast it answers,
/// and what waits for it.
#[utoipa::path(operation_id = "list_webhooks", tag = "admin", security(("key" = [])), responses(
    (status = 200, description = "All endpoints, oldest first", body = WebhookList),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
))]
#[get("/admin/api/webhooks")]
pub(super) async fn list(
    _: AdminKey,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let webhooks = all(&state).await?;
    Ok(HttpResponse::Ok().json(WebhookList { webhooks, next_cursor: None }))
}

/// Returns one webhook endpoint with how well it works.
#[utoipa::path(operation_id = "get_webhook", tag = "admin", security(("key" = [])), params(("id" = String, Path, description = "The endpoint's id")), responses(
    (status = 200, description = "The endpoint", body = Webhook),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
    (status = 404, description = "No such endpoint", body = Problem),
))]
#[get("/admin/api/webhooks/{id}")]
pub(super) async fn get(
    _: AdminKey,
    id: web::Path<String>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(one(&state, &id).await?))
}

/// Which attempts to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct Asked {
    /// `true` for those only that were not taken.
    pub(in crate::web) failing: Option<bool>,
    /// The `next_cursor` of the previous page.
    #[param(max_length = 512)]
    pub(in crate::web) cursor: Option<String>,
    /// The maximum number of attempts.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub(in crate::web) limit: Option<u32>,
}

/// A page of the attempts to deliver to an endpoint.
pub(in crate::web) async fn attempts(
    state: &State,
    id: &str,
    asked: &Asked,
) -> Result<DeliveryList, Problem> {
    let limit = paging::limit(asked.limit)?;
    let before = asked.cursor.as_deref().map(paging::position).transpose()?;
    let ended = match asked.failing {
        Some(true) => vec![DeliveryStatus::Failed, DeliveryStatus::GivenUp],
        _ => Vec::new(),
    };
    let found = state.store().webhook_deliveries(id.to_owned(), ended, before, limit).await?;
    Ok(DeliveryList::new(found))
}

/// Lists the attempts to deliver to an endpoint, newest first. They say what was sent in numbers only.
#[utoipa::path(operation_id = "list_webhook_attempts", tag = "admin", security(("key" = [])), params(("id" = String, Path, description = "The endpoint's id"), Asked), responses(
    (status = 200, description = "A page of attempts", body = DeliveryList),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
    (status = 404, description = "No such endpoint", body = Problem),
))]
#[get("/admin/api/webhooks/{id}/deliveries")]
pub(super) async fn deliveries(
    _: AdminKey,
    id: web::Path<String>,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    find(&state, &id).await?;
    Ok(HttpResponse::Ok().json(attempts(&state, &id, &asked).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_belong_to_the_hour_they_began_in() {
        let now: DateTime<Utc> = "2026-12-01T12:03:00Z".parse().unwrap();
        let count = |at: &str, delivered| DeliveryCount {
            endpoint: "we_1".into(),
            at: at.parse().unwrap(),
            delivered,
            changes: 10 * delivered,
            failed: 1,
        };
        let counts = [
            count("2026-11-30T12:05:00Z", 1),
            count("2026-12-01T11:00:00Z", 2),
            count("2026-12-01T11:05:00Z", 4),
            count("2026-12-01T12:00:00Z", 8),
        ];
        let hours: Vec<i64> =
            by_hour(&counts, now).iter().map(|hour| hour.deliveries.delivered).collect();
        assert_eq!((hours.len(), hours[0], hours[22], hours[23]), (24, 1, 2, 12));
        assert_eq!(hours.iter().sum::<i64>(), 15);
    }
}
