//! Requests for syncs.

use std::time::Duration;

use actix_web::{HttpResponse, delete, post, web};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::RecvError;
use utoipa::{IntoParams, ToSchema};

use super::connections::find;
use crate::actors::{EndWait, SyncMany, SyncOne, SyncResult};
use crate::model::UserId;
use crate::model::{Connection, Status, WaitOutcome};
use crate::telemetry::traces::TraceContext;
use crate::web::auth::{AdminKey, AppKey};
use crate::web::parameters::NoParameters;
use crate::web::{Problem, State, restarting};

/// The longest time a request is kept open.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Waiting {
    /// Wait until the syncs end, but at most this long (e.g. `30s`, at most `5m`).
    #[param(
        pattern = r"^([0-2]?[0-9]{1,5}ms|300000ms|[0-2]?[0-9]{1,2}s|300s|[0-5]m)$",
        example = "30s"
    )]
    wait: Option<String>,
}

impl Waiting {
    fn duration(&self) -> Result<Option<Duration>, Problem> {
        let Some(text) = &self.wait else { return Ok(None) };
        match humantime::parse_duration(text) {
            Ok(wait) if wait <= LONGEST_WAIT => Ok(Some(wait)),
            _ => Err(Problem::bad_request(
                "bad-query",
                "wait is a duration such as `30s`, at most `5m`",
            )),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"accepted": 1}))]
struct Accepted {
    /// How many connections sync, now or as soon as limits allow; those of a paused partner when it
    /// is resumed.
    accepted: usize,
    /// With `wait`: the result of each sync; the outcome is `running` or `paused` for one that has
    /// not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    syncs: Option<Vec<SyncView>>,
}

/// The result of a sync.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"partner": "withings", "outcome": "ok", "summary": "measure: 2 new", "created": 2, "updated": 0, "deleted": 0, "refused": 0, "errors": []}))]
struct SyncView {
    partner: String,
    /// How it ended.
    outcome: WaitOutcome,
    /// What happened, in words.
    summary: String,
    created: u32,
    updated: u32,
    deleted: u32,
    refused: u32,
    /// What went wrong.
    errors: Vec<crate::sync::Failure>,
}

impl SyncView {
    fn new(partner: String, result: Option<Result<SyncResult, RecvError>>) -> Self {
        let (outcome, summary, totals, errors) = match result {
            Some(Ok(SyncResult::Done(report))) => {
                let errors = report.distinct_failures().into_iter().cloned().collect();
                (report.outcome().into(), report.summary(), report.totals(), errors)
            }
            Some(Err(_)) => (
                WaitOutcome::Lost,
                "the partner's actor was restarted before it ran; ask again".into(),
                [0; 4],
                Vec::new(),
            ),
            Some(Ok(SyncResult::NotConnected)) => (
                WaitOutcome::NotConnected,
                "the connection is not connected any more".into(),
                [0; 4],
                Vec::new(),
            ),
            Some(Ok(SyncResult::Paused(since))) => (
                WaitOutcome::Paused,
                format!(
                    "the administrator has paused syncs with this partner since {}; it runs when they are resumed",
                    since.format("%Y-%m-%d %H:%M UTC")
                ),
                [0; 4],
                Vec::new(),
            ),
            None => (
                WaitOutcome::Running,
                "it had not ended in time; the timeline will say".into(),
                [0; 4],
                Vec::new(),
            ),
        };
        let [created, updated, deleted, refused] = totals;
        Self { partner, outcome, summary, created, updated, deleted, refused, errors }
    }
}

async fn start(
    state: &State,
    connections: Vec<Connection>,
    wait: Option<Duration>,
) -> Result<HttpResponse, Problem> {
    let (accepted, waited_for) = begin(state, connections, wait.is_some())?;
    let Some(wait) = wait else {
        return Ok(HttpResponse::Accepted().json(Accepted { accepted, syncs: None }));
    };
    let ends = waited_for.into_iter().map(|(partner, done)| async move {
        SyncView::new(partner, tokio::time::timeout(wait, done).await.ok())
    });
    let syncs = join_all(ends).await;
    let is_ahead = |outcome| matches!(outcome, WaitOutcome::Running | WaitOutcome::Paused);
    let all_ended = !syncs.iter().any(|sync| is_ahead(sync.outcome));
    let mut response = if all_ended { HttpResponse::Ok() } else { HttpResponse::Accepted() };
    Ok(response.json(Accepted { accepted, syncs: Some(syncs) }))
}

/// The syncs that were begun: how many, and what is heard of the end of each.
type Begun = (usize, Vec<(String, oneshot::Receiver<SyncResult>)>);

/// Begins syncs for a person, ahead of scheduled polls.
pub(in crate::web) fn begin(
    state: &State,
    connections: Vec<Connection>,
    is_waited_for: bool,
) -> Result<Begun, Problem> {
    let mut waited_for = Vec::new();
    let mut accepted = 0;
    for connection in connections {
        let (reply, done) = oneshot::channel();
        let reply = is_waited_for.then_some(reply);
        // If the actor is being restarted, the reply channel is dropped, and the result reports
        // that.
        if let Some(actor) = state.directory.actor(&connection.partner) {
            let trace = TraceContext::current();
            actor.do_send(SyncOne { connection: connection.id, reply, trace });
            accepted += 1;
        }
        waited_for.push((connection.partner, done));
    }
    if let (0, [(partner, _), ..]) = (accepted, waited_for.as_slice()) {
        return Err(restarting(partner));
    }
    Ok((accepted, waited_for))
}

/// The connections of a user that can be synced.
pub(in crate::web) async fn connected(
    state: &State,
    user: UserId,
) -> Result<Vec<Connection>, Problem> {
    let mut connections = state.store().connections_of_user(user).await?;
    connections.retain(|connection| {
        connection.status == Status::Connected
            && state.directory.spec(&connection.partner).is_some()
    });
    Ok(connections)
}

/// Syncs all connections of a user now, ahead of scheduled polls.
#[utoipa::path(tag = "sync", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), Waiting),
    responses(
        (status = 202, description = "The syncs run now or as soon as limits allow", body = Accepted),
        (status = 200, description = "With `wait`: all syncs have ended", body = Accepted),
    ))]
#[post("/v1/users/{user}/sync")]
pub(super) async fn sync_user(
    _: AppKey,
    user: web::Path<UserId>,
    waiting: web::Query<Waiting>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let wait = waiting.duration()?;
    let connections = connected(&state, user.into_inner()).await?;
    start(&state, connections, wait).await
}

/// Syncs one connection now, ahead of scheduled polls.
#[utoipa::path(tag = "sync", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), ("partner" = String, Path, description = "The partner's name"), Waiting),
    responses(
        (status = 202, description = "The sync runs now or as soon as limits allow", body = Accepted),
        (status = 200, description = "With `wait`: the sync has ended", body = Accepted),
        (status = 404, description = "No such connection", body = Problem),
        (status = 409, description = "The connection is not connected (any more)", body = Problem),
    ))]
#[post("/v1/users/{user}/connections/{partner}/sync")]
pub(super) async fn sync_connection(
    _: AppKey,
    path: web::Path<(UserId, String)>,
    waiting: web::Query<Waiting>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let (user, partner) = path.into_inner();
    let wait = waiting.duration()?;
    let connection = find(&state, &user, &partner).await?;
    if connection.status != Status::Connected {
        let address = user.in_address();
        let detail = format!(
            "the connection is `{}`; POST /v1/users/{address}/connections/{partner}/authorize lets the user connect again",
            connection.status.name()
        );
        return Err(Problem::conflict("not-connected", detail));
    }
    start(&state, vec![connection], wait).await
}

/// Syncs all connections of a partner as soon as limits allow.
#[utoipa::path(tag = "sync", security(("key" = [])),
    params(("partner" = String, Path, description = "The partner's name")),
    responses(
        (status = 202, description = "The syncs run as soon as limits allow", body = Accepted),
        (status = 403, description = "The key does not have scope `admin`", body = Problem),
    ))]
#[post("/v1/partners/{partner}/sync")]
pub(super) async fn sync_partner(
    _: AdminKey,
    partner: web::Path<String>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let accepted = sync_all(&state, state.partner(&partner)?.name()).await?;
    Ok(HttpResponse::Accepted().json(Accepted { accepted, syncs: None }))
}

/// Ends a wait that the partner asked for: its limits then allow calls again. Connections whose polls
/// had been put off keep their times until they are synced. People get a try every 15 minutes without
/// it.
#[utoipa::path(tag = "admin", security(("key" = [])),
    params(("partner" = String, Path, description = "The partner's name")),
    responses(
        (status = 204, description = "There is no wait any more"),
        (status = 403, description = "The key does not have scope `admin`", body = Problem),
        (status = 404, description = "No such partner", body = Problem),
    ))]
#[delete("/v1/partners/{partner}/wait")]
pub(super) async fn end_wait(
    _: AdminKey,
    partner: web::Path<String>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let partner = state.partner(&partner)?.name();
    let actor = state.directory.actor(partner).ok_or_else(|| restarting(partner))?;
    actor.send(EndWait).await.map_err(|_| restarting(partner))?;
    Ok(HttpResponse::NoContent().finish())
}

/// Syncs all connections of all partners as soon as limits allow.
#[utoipa::path(tag = "sync", security(("key" = [])), responses(
    (status = 202, description = "The syncs run as soon as limits allow", body = Accepted),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
))]
#[post("/v1/sync")]
pub(super) async fn sync_everyone(
    _: AdminKey,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let mut accepted = 0;
    for spec in state.directory.specs() {
        accepted += sync_all(&state, spec.name()).await?;
    }
    Ok(HttpResponse::Accepted().json(Accepted { accepted, syncs: None }))
}

pub(in crate::web) async fn sync_all(
    state: &State,
    partner: &'static str,
) -> Result<usize, Problem> {
    let connections = state.store().connected(partner).await?;
    let accepted = connections.len();
    state.actor(partner)?.do_send(SyncMany { connections });
    Ok(accepted)
}
