//! Webhook endpoints: where events are sent.

use actix_web::{HttpResponse, delete, get, patch, post, web};
use chrono::{DateTime, Utc};
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::store::{EndpointChange, WebhookEndpoint};
use crate::web::audit::AuditNote;
use crate::web::auth::AppKey;
use crate::web::body::Body;
use crate::web::contract::Input;
use crate::web::endpoints::{self, check_events, check_target, find, no_endpoint};
use crate::web::parameters::NoParameters;
use crate::web::{Problem, State};

/// Whether events are sent to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::web) enum EndpointStatus {
    /// They are.
    Active,
    /// They are, but the last attempts have all failed.
    Failing,
    /// They are not: it was disabled, by a request, by its answer 410, or after five days of failures.
    /// `{"enabled": true}` lets it go on where it stopped.
    Disabled,
}

/// Where events are sent.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"id": "we_6f1e0c52a34b4c1b8d0f6f8a7d1c9e42", "url": "https://app.example.com/hooks", "events": ["record.*", "connection.*"], "user_prefix": null, "description": null, "status": "active", "created_at": "2026-12-01T06:15:00Z", "last_success_at": null, "failing_since": null, "failures": 0, "last_error": null, "next_attempt_at": null, "disabled_at": null, "disabled_reason": null, "previous_secret_until": null}))]
pub(in crate::web) struct EndpointView {
    pub(in crate::web) id: String,
    pub(in crate::web) url: String,
    /// Types of events, `record.*`, `connection.*`, `sync.*`, or `*` for all.
    pub(in crate::web) events: Vec<String>,
    /// Only events of users whose id begins so.
    pub(in crate::web) user_prefix: Option<String>,
    pub(in crate::web) description: Option<String>,
    pub(in crate::web) status: EndpointStatus,
    pub(in crate::web) created_at: DateTime<Utc>,
    /// When it last took a message.
    pub(in crate::web) last_success_at: Option<DateTime<Utc>>,
    /// Since when every attempt has failed.
    pub(in crate::web) failing_since: Option<DateTime<Utc>>,
    /// Attempts in a row that failed; what is sent at once counts as one attempt.
    pub(in crate::web) failures: u32,
    /// Why the last one failed.
    pub(in crate::web) last_error: Option<String>,
    /// Nothing is sent before this: the endpoint took nothing, or asked to wait.
    pub(in crate::web) next_attempt_at: Option<DateTime<Utc>>,
    pub(in crate::web) disabled_at: Option<DateTime<Utc>>,
    pub(in crate::web) disabled_reason: Option<String>,
    /// Until when messages are signed with the secret before the last rotation, too.
    pub(in crate::web) previous_secret_until: Option<DateTime<Utc>>,
}

impl EndpointView {
    pub(in crate::web) fn new(endpoint: WebhookEndpoint, now: DateTime<Utc>) -> Self {
        let health = endpoint.health;
        let status = match (&endpoint.disabled, health.failing_since) {
            (Some(_), _) => EndpointStatus::Disabled,
            (None, Some(_)) => EndpointStatus::Failing,
            (None, None) => EndpointStatus::Active,
        };
        let (disabled_at, disabled_reason) = endpoint.disabled.unzip();
        let until = endpoint.previous_secret.map(|(_, until)| until);
        Self {
            id: endpoint.id,
            url: endpoint.url.expose_secret().to_owned(),
            events: endpoint.events,
            user_prefix: endpoint.user_prefix,
            description: endpoint.description,
            status,
            created_at: endpoint.created_at,
            last_success_at: health.succeeded_at,
            failing_since: health.failing_since,
            failures: health.failures,
            last_error: health.last_error,
            next_attempt_at: health.next_at,
            disabled_at,
            disabled_reason,
            previous_secret_until: until.filter(|until| *until > now),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct EndpointList {
    webhook_endpoints: Vec<EndpointView>,
    /// Always null: all endpoints are one page.
    next_cursor: Option<String>,
}

/// An endpoint to create.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"url": "https://app.example.com/hooks", "events": ["record.*", "connection.*"]}))]
#[serde(deny_unknown_fields)]
struct NewWebhookEndpoint {
    /// An https address without user name and fragment. Its host must be public, unless
    /// `events.allow_private_targets` is set, which also allows http.
    #[schema(max_length = 2048)]
    url: String,
    /// Types of events, `record.*`, `connection.*`, `sync.*`, or `*` for all.
    #[schema(min_items = 1, max_items = 20)]
    events: Vec<String>,
    /// Only events of users whose id begins so.
    #[schema(min_length = 1, max_length = 256, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    user_prefix: Option<String>,
    /// What it is for.
    #[schema(max_length = 500, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    description: Option<String>,
}

/// What to change. Fields that are left out stay as they are.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"events": ["*"], "enabled": true}), min_properties = 1)]
#[serde(deny_unknown_fields)]
struct EndpointPatch {
    /// As at the creation.
    #[schema(max_length = 2048)]
    url: Option<String>,
    /// As at the creation.
    #[schema(min_items = 1, max_items = 20)]
    events: Option<Vec<String>>,
    /// As at the creation; null for all users.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 256, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    user_prefix: Option<Option<String>>,
    /// As at the creation.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 500, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    description: Option<Option<String>>,
    /// `false` disables it. `true` lets a disabled one go on where it stopped.
    enabled: Option<bool>,
}

/// A null that is given is not the same as nothing.
fn given<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(reader).map(Some)
}

/// A new endpoint with its secret, which is not shown again.
#[derive(Serialize, ToSchema)]
struct CreatedEndpoint {
    #[serde(flatten)]
    endpoint: EndpointView,
    /// Verifies the signatures of messages, by Standard Webhooks.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    secret: String,
}

/// Creates an endpoint. It gets what happens from now on. The secret is in this answer only. A key of
/// scope app is enough for all calls about endpoints: they lead data to the host app that it can read.
#[utoipa::path(operation_id = "add_webhook_endpoint", tag = "events", security(("key" = [])), request_body = NewWebhookEndpoint,
    responses(
        (status = 201, description = "The endpoint with its secret", body = CreatedEndpoint),
        (status = 409, description = "There are 100 endpoints already", body = Problem),
    ))]
#[post("/v1/webhook-endpoints")]
pub(super) async fn add(
    note: AuditNote,
    key: AppKey,
    body: Body<NewWebhookEndpoint>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let mut input: Input = body.open(&key, &state).await?;
    let new: Option<NewWebhookEndpoint> = input.part("");
    if let Some(new) = &new {
        check_target(&state, &new.url, &mut input.mistakes);
        check_events(&new.events, &mut input.mistakes);
    }
    input.mistakes.none()?;
    // Without mistakes there is one.
    let new = new.ok_or_else(no_endpoint)?;
    let wish = endpoints::Wish {
        url: SecretString::from(new.url),
        events: new.events,
        user_prefix: new.user_prefix,
        description: new.description,
    };
    let (id, secret) = endpoints::create(&state, wish).await?;
    note.about(&id);
    let endpoint = EndpointView::new(find(&state, &id).await?, state.now());
    let secret = secret.expose_secret().to_owned();
    Ok(HttpResponse::Created().json(CreatedEndpoint { endpoint, secret }))
}

/// Lists the endpoints, oldest first.
#[utoipa::path(operation_id = "list_webhook_endpoints", tag = "events", security(("key" = [])),
    responses((status = 200, description = "All endpoints", body = EndpointList)))]
#[get("/v1/webhook-endpoints")]
pub(super) async fn list(
    _: AppKey,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let (found, now) = (state.store().webhook_endpoints().await?, state.now());
    let webhook_endpoints = found.into_iter().map(|it| EndpointView::new(it, now)).collect();
    Ok(HttpResponse::Ok().json(EndpointList { webhook_endpoints, next_cursor: None }))
}

/// Returns one endpoint.
#[utoipa::path(operation_id = "get_webhook_endpoint", tag = "events", security(("key" = [])), params(("id" = String, Path, description = "The endpoint's id")),
    responses((status = 200, description = "The endpoint", body = EndpointView), (status = 404, description = "No such endpoint", body = Problem)))]
#[get("/v1/webhook-endpoints/{id}")]
pub(super) async fn get(
    _: AppKey,
    id: web::Path<String>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let endpoint = find(&state, &id).await?;
    Ok(HttpResponse::Ok().json(EndpointView::new(endpoint, state.now())))
}

/// Changes an endpoint, disables it or enables it again. What changes its filter holds for all that
/// was not sent yet.
#[utoipa::path(operation_id = "change_webhook_endpoint", tag = "events", security(("key" = [])), params(("id" = String, Path, description = "The endpoint's id")), request_body = EndpointPatch,
    responses((status = 200, description = "The endpoint as it is now", body = EndpointView), (status = 404, description = "No such endpoint", body = Problem)))]
#[patch("/v1/webhook-endpoints/{id}")]
pub(super) async fn change(
    key: AppKey,
    id: web::Path<String>,
    body: Body<EndpointPatch>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let mut input: Input = body.open(&key, &state).await?;
    let patch: Option<EndpointPatch> = input.part("");
    if let Some(url) = patch.as_ref().and_then(|patch| patch.url.as_deref()) {
        check_target(&state, url, &mut input.mistakes);
    }
    if let Some(events) = patch.as_ref().and_then(|patch| patch.events.as_deref()) {
        check_events(events, &mut input.mistakes);
    }
    input.mistakes.none()?;
    // Without mistakes there is one.
    let patch = patch.ok_or_else(no_endpoint)?;
    let change = EndpointChange {
        url: patch.url.map(SecretString::from),
        events: patch.events,
        user_prefix: patch.user_prefix,
        description: patch.description,
        enabled: patch.enabled,
    };
    endpoints::change(&state, &id, change).await?;
    Ok(HttpResponse::Ok().json(EndpointView::new(find(&state, &id).await?, state.now())))
}

/// Deletes an endpoint and what is known of its deliveries.
#[utoipa::path(operation_id = "delete_webhook_endpoint", tag = "events", security(("key" = [])), params(("id" = String, Path, description = "The endpoint's id")),
    responses((status = 204, description = "There is no such endpoint any more"), (status = 404, description = "No such endpoint", body = Problem)))]
#[delete("/v1/webhook-endpoints/{id}")]
pub(super) async fn delete(
    _: AppKey,
    id: web::Path<String>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    endpoints::delete(&state, &id).await?;
    Ok(HttpResponse::NoContent().finish())
}
