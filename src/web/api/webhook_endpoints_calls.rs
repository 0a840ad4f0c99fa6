//! What can be asked of a webhook endpoint: another secret, a test, a replay, its deliveries.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use partner_sdk::secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::model::DeliveryStatus;
use crate::store::{Delivery, Listed};
use crate::web::auth::AppKey;
use crate::web::body::Body;
use crate::web::endpoints::{self, Tested, find};
use crate::web::parameters::NoParameters;
use crate::web::{Problem, State, paging};

/// The new secret, which is not shown again.
#[derive(Serialize, ToSchema)]
struct Rotated {
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    secret: String,
    /// Until then messages have two signatures: one with this secret, one with that before it.
    previous_secret_until: DateTime<Utc>,
}

/// From when on everything is sent again.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"from": "2026-12-01T06:00:00Z"}))]
#[serde(deny_unknown_fields)]
struct Replay {
    from: DateTime<Utc>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Replayed {
    from: DateTime<Utc>,
}

/// An attempt to deliver a message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"message_id": "msg_0193804d4f7e7b30a1b2c3d4e5f60718", "at": "2026-12-01T06:15:00.120Z", "types": {"record.created": 480}, "changes": 480, "users": 1, "attempt": 1, "status": "failed", "status_code": 500, "error": "it answered 500", "duration_ms": 31, "next_attempt_at": "2026-12-01T06:15:05Z"}))]
pub(in crate::web) struct DeliveryView {
    /// `webhook-id`, the same at each attempt.
    pub(in crate::web) message_id: String,
    pub(in crate::web) at: DateTime<Utc>,
    /// How many changes of each type the message had.
    pub(in crate::web) types: BTreeMap<String, u32>,
    pub(in crate::web) changes: u32,
    /// Of how many users.
    pub(in crate::web) users: u32,
    /// Which attempt it was, from 1.
    pub(in crate::web) attempt: u32,
    pub(in crate::web) status: DeliveryStatus,
    /// The HTTP status of the answer, if there was one.
    pub(in crate::web) status_code: Option<u16>,
    /// What went wrong, in words.
    pub(in crate::web) error: Option<String>,
    pub(in crate::web) duration_ms: u32,
    /// When the message is tried again.
    pub(in crate::web) next_attempt_at: Option<DateTime<Utc>>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            message_id: delivery.message_id,
            at: delivery.at,
            types: delivery.types,
            changes: delivery.changes,
            users: delivery.users,
            attempt: delivery.attempt,
            status: delivery.status,
            status_code: delivery.status_code,
            error: delivery.error,
            duration_ms: delivery.duration_ms,
            next_attempt_at: delivery.next_at,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct DeliveryList {
    pub(in crate::web) deliveries: Vec<DeliveryView>,
    pub(in crate::web) next_cursor: Option<String>,
}

impl DeliveryList {
    pub(in crate::web) fn new(found: Listed<Delivery>) -> Self {
        let next_cursor = paging::next(&found, |delivery| delivery.id.to_string());
        Self { deliveries: found.rows.into_iter().map(DeliveryView::from).collect(), next_cursor }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Only attempts that ended so.
    status: Option<DeliveryStatus>,
    /// The `next_cursor` of the previous page.
    #[param(max_length = 512)]
    cursor: Option<String>,
    /// The maximum number of attempts.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// Gives an endpoint a new secret. For 24 hours messages are signed with both, then only with the new
/// one; a further rotation ends the one before the last at once.
#[utoipa::path(operation_id = "rotate_webhook_secret", tag = "events", security(("key" = [])), params(("id" = String, Path, description = "The endpoint's id")),
    responses((status = 200, description = "The new secret", body = Rotated), (status = 404, description = "No such endpoint", body = Problem)))]
#[post("/v1/webhook-endpoints/{id}/rotate")]
pub(super) async fn rotate(
    _: AppKey,
    id: web::Path<String>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let (secret, previous_secret_until) = endpoints::rotate(&state, &id).await?;
    let secret = secret.expose_secret().to_owned();
    Ok(HttpResponse::Ok().json(Rotated { secret, previous_secret_until }))
}

/// Sends an event of type `test` now, once, and says how that ended. Works for a disabled endpoint,
/// too, and changes nothing.
#[utoipa::path(operation_id = "test_webhook_endpoint", tag = "events", security(("key" = [])), params(("id" = String, Path, description = "The endpoint's id")),
    responses((status = 200, description = "How the test ended", body = Tested), (status = 404, description = "No such endpoint", body = Problem)))]
#[post("/v1/webhook-endpoints/{id}/test")]
pub(super) async fn test(
    _: AppKey,
    id: web::Path<String>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(endpoints::test(&state, &id).await?))
}

/// Sends everything from a time on again, in order, as new messages; what comes meanwhile follows. A
/// disabled endpoint gets it once it is enabled.
#[utoipa::path(operation_id = "replay_webhooks", tag = "events", security(("key" = [])), params(("id" = String, Path, description = "The endpoint's id")), request_body = Replay,
    responses((status = 202, description = "It is going to be sent", body = Replayed), (status = 404, description = "No such endpoint", body = Problem)))]
#[post("/v1/webhook-endpoints/{id}/replay")]
pub(super) async fn replay(
    key: AppKey,
    id: web::Path<String>,
    body: Body<Replay>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let Replay { from } = body.read(&key, &state).await?;
    endpoints::replay(&state, &id, from).await?;
    Ok(HttpResponse::Accepted().json(Replayed { from }))
}

/// Lists the attempts to deliver to an endpoint, newest first. They say what was sent in numbers only.
#[utoipa::path(operation_id = "list_webhook_deliveries", tag = "events", security(("key" = [])), params(("id" = String, Path, description = "The endpoint's id"), Asked),
    responses((status = 200, description = "A page of attempts", body = DeliveryList), (status = 404, description = "No such endpoint", body = Problem)))]
#[get("/v1/webhook-endpoints/{id}/deliveries")]
pub(super) async fn deliveries(
    _: AppKey,
    id: web::Path<String>,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let limit = paging::limit(asked.limit)?;
    let before = asked.cursor.as_deref().map(paging::position).transpose()?;
    find(&state, &id).await?;
    let ended = asked.status.into_iter().collect();
    let found = state.store().webhook_deliveries(id.into_inner(), ended, before, limit);
    Ok(HttpResponse::Ok().json(DeliveryList::new(found.await?)))
}
