//! What can be done with webhook endpoints, the same for the API and for the administrator's pages.

use actix_web::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::secrecy::SecretString;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::contract::Mistakes;
use super::{Problem, State};
use crate::events::{checked_target, event_types, is_pattern, new_secret};
use crate::model::DeliveryStatus;
use crate::store::{EndpointChange, NewEndpoint, StoreError, WebhookEndpoint};

/// How many endpoints there may be: each reads every change.
const MOST_ENDPOINTS: i64 = 100;

/// How long the secret before a rotation signs as well.
const BOTH_SIGN_FOR: TimeDelta = TimeDelta::hours(24);

/// An endpoint that is wanted.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) url: SecretString,
    pub(super) events: Vec<String>,
    pub(super) user_prefix: Option<String>,
    pub(super) description: Option<String>,
}

/// How a test ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"message_id": "msg_0193804d4f7e7b30a1b2c3d4e5f60718", "status": "failed", "status_code": null, "duration_ms": 12, "error": "it cannot be reached: connection refused"}))]
pub(super) struct Tested {
    pub(super) message_id: String,
    pub(super) status: DeliveryStatus,
    /// The HTTP status of the answer, if there was one.
    pub(super) status_code: Option<u16>,
    pub(super) duration_ms: u64,
    /// What went wrong, in words.
    pub(super) error: Option<String>,
}

pub(super) fn check_target(state: &State, url: &str, mistakes: &mut Mistakes) {
    if let Err(why) = checked_target(url, state.events.allows_private_targets()) {
        mistakes.add("/url", why);
    }
}

pub(super) fn check_events(events: &[String], mistakes: &mut Mistakes) {
    for (index, pattern) in events.iter().enumerate() {
        if !is_pattern(pattern) {
            let types: Vec<&str> = event_types().collect();
            let why = format!(
                "there is no such type of events; there are {}, record.*, connection.*, sync.* and *",
                types.join(", ")
            );
            mistakes.add(&format!("/events/{index}"), why);
        }
    }
}

/// The endpoint of that id.
pub(super) async fn find(state: &State, id: &str) -> Result<WebhookEndpoint, Problem> {
    state.store().webhook_endpoint(id.to_owned()).await?.ok_or_else(no_endpoint)
}

pub(super) fn no_endpoint() -> Problem {
    let detail = "there is no webhook endpoint of this id; GET /v1/webhook-endpoints lists them";
    Problem::not_found("no-webhook-endpoint", detail)
}

/// Creates an endpoint that was checked. Returns its id and its secret.
pub(super) async fn create(state: &State, wish: Wish) -> Result<(String, SecretString), Problem> {
    let (id, secret) = (format!("we_{}", Uuid::new_v4().simple()), new_secret());
    let Wish { url, events, user_prefix, description } = wish;
    let (endpoint, signed_with) = (id.clone(), secret.clone());
    let endpoint =
        NewEndpoint { id: endpoint, url, secret: signed_with, events, user_prefix, description };
    if !state.store().add_webhook_endpoint(endpoint, MOST_ENDPOINTS, state.now()).await? {
        let detail = format!("there are {MOST_ENDPOINTS} endpoints already; delete one first");
        return Err(Problem::new(StatusCode::CONFLICT, "too-many-webhook-endpoints", detail));
    }
    state.events.endpoints_changed();
    tracing::info!(endpoint.id = id, "a webhook endpoint was created");
    Ok((id, secret))
}

/// Changes an endpoint as was checked.
pub(super) async fn change(state: &State, id: &str, change: EndpointChange) -> Result<(), Problem> {
    if !state.store().change_webhook_endpoint(id.to_owned(), change, state.now()).await? {
        return Err(no_endpoint());
    }
    state.events.endpoints_changed();
    Ok(())
}

/// Deletes an endpoint and what is known of its deliveries.
pub(super) async fn delete(state: &State, id: &str) -> Result<(), Problem> {
    let (store, of, now) = (state.store().clone(), id.to_owned(), state.now());
    // To its end, also when the caller does not wait for it.
    let deleted = actix_web::rt::spawn(async move { store.delete_webhook_endpoint(of, now).await });
    if !deleted.await.map_err(|_| StoreError::Closed)?? {
        return Err(no_endpoint());
    }
    state.events.endpoints_changed();
    tracing::info!(endpoint.id = id, "a webhook endpoint was deleted");
    Ok(())
}

/// Gives an endpoint a new secret. Returns it, and until when that before it signs as well.
pub(super) async fn rotate(
    state: &State,
    id: &str,
) -> Result<(SecretString, DateTime<Utc>), Problem> {
    let (secret, until) = (new_secret(), state.now() + BOTH_SIGN_FOR);
    if !state.store().rotate_webhook_secret(id.to_owned(), secret.clone(), until).await? {
        return Err(no_endpoint());
    }
    state.events.endpoints_changed();
    tracing::info!(endpoint.id = id, "the secret of a webhook endpoint was rotated");
    Ok((secret, until))
}

/// Sends a test, once.
pub(super) async fn test(state: &State, id: &str) -> Result<Tested, Problem> {
    let endpoint = find(state, id).await?;
    let tested = state.events.test(&endpoint, state.now()).await;
    let (message_id, answer, took) = tested.map_err(|error| {
        tracing::error!(%error, "the HTTP client for webhooks cannot be made");
        Problem::unavailable("no-client", "the daemon cannot make calls; its log says why")
    })?;
    let succeeded = answer.is_success();
    Ok(Tested {
        message_id,
        status: if succeeded { DeliveryStatus::Delivered } else { DeliveryStatus::Failed },
        status_code: answer.status_code(),
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        error: answer.error(),
    })
}

/// Sends everything from a time on again.
pub(super) async fn replay(state: &State, id: &str, from: DateTime<Utc>) -> Result<(), Problem> {
    let after = state.store().last_change_before(from).await?;
    if !state.store().replay_webhooks(id.to_owned(), after).await? {
        return Err(no_endpoint());
    }
    state.events.endpoints_changed();
    tracing::info!(endpoint.id = id, %from, "a replay of events was asked for");
    Ok(())
}
