//! One user: connections and why their data has or has not come, what ran last, what there is.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::condition::{self, headline};
use super::list::title;
use crate::explain::Explanation;
use crate::model::{Condition, ConnectionId, UserId};
use crate::store::{RecordCounts, Unfinished};
use crate::web::api::connection_view::{ConnectionView, views};
use crate::web::api::explain;
use crate::web::api::timeline::{self, LineView};
use crate::web::auth::AdminKey;
use crate::web::parameters::NoParameters;
use crate::web::{Problem, State};

/// How many entries of the timeline are shown.
pub(in crate::web) const LATEST: i64 = 20;

/// A connection of a user, and how it is.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct ExplainedConnection {
    /// The `connection.id` of log lines.
    #[schema(value_type = i64)]
    pub(in crate::web) id: ConnectionId,
    /// The partner's name as people write it.
    pub(in crate::web) title: String,
    pub(in crate::web) condition: Condition,
    /// The condition as people say it.
    pub(in crate::web) words: &'static str,
    /// Since when its most likely cause holds, if that is known.
    pub(in crate::web) since: Option<DateTime<Utc>>,
    /// When the newest record from there was measured or began, among those counted in `records`.
    pub(in crate::web) newest_at: Option<DateTime<Utc>>,
    /// Why its data has or has not come, and when it is looked for next; null if the partner is not
    /// installed.
    pub(in crate::web) explanation: Option<Explanation>,
    #[serde(flatten)]
    pub(in crate::web) connection: ConnectionView,
}

/// A connect that was begun and never came to its end.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct UnfinishedConnect {
    pub(in crate::web) partner: String,
    /// The partner's name as people write it.
    pub(in crate::web) title: String,
    /// When the first one was begun.
    pub(in crate::web) since: DateTime<Utc>,
}

/// Records of one kind from one source.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct CountView {
    /// `exercise`, `nutrition`, or the type of a measurement.
    pub(in crate::web) kind: String,
    /// The partner they came from; null for the host app's own.
    pub(in crate::web) partner: Option<String>,
    pub(in crate::web) count: i64,
    /// When the newest of them was measured or began.
    pub(in crate::web) newest_at: DateTime<Utc>,
}

/// A user's records that are not deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct CountsView {
    /// How many were counted: the newest, 20,000 at most.
    pub(in crate::web) counted: i64,
    /// Whether there are older ones that were not counted.
    pub(in crate::web) more: bool,
    /// By kind and source, the most first.
    pub(in crate::web) by: Vec<CountView>,
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct UserView {
    #[schema(value_type = String)]
    pub(in crate::web) user_id: UserId,
    /// How the user is, in one sentence.
    #[schema(example = "u-1042 must reconnect Withings")]
    pub(in crate::web) headline: String,
    /// When the first connect was begun.
    pub(in crate::web) known_since: Option<DateTime<Utc>>,
    /// The connections that were ever connected, by partner.
    pub(in crate::web) connections: Vec<ExplainedConnection>,
    /// Connects that were begun and never came to their end.
    pub(in crate::web) unfinished: Vec<UnfinishedConnect>,
    pub(in crate::web) records: CountsView,
    /// The latest entries of the timeline. `GET /v1/users/{user}/syncs` has all.
    pub(in crate::web) syncs: Vec<LineView>,
}

/// Returns a user as an administrator looks at one. Each connection comes with its state in words and why its
/// data has or has not come; besides, how many records of which kinds there are, and what ran last.
#[utoipa::path(operation_id = "get_user", tag = "admin", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and ..")),
    responses(
        (status = 200, description = "The user", body = UserView),
        (status = 403, description = "The key does not have scope `admin`", body = Problem),
        (status = 404, description = "No user has this id: nobody with it has a connection or a record", body = Problem),
    ))]
#[get("/admin/api/users/{user}")]
pub(in crate::web) async fn get(
    _: AdminKey,
    user: web::Path<UserId>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let user = user.into_inner();
    let found = view(&state, &user).await?.ok_or_else(|| unknown(&user))?;
    Ok(HttpResponse::Ok().json(found))
}

/// The problem of an id that is nobody's.
pub(in crate::web) fn unknown(user: &UserId) -> Problem {
    let detail = format!(
        "there is no user `{user}`: nobody with this id has a connection or a record. GET /admin/api/users?q= finds ids by how they begin"
    );
    Problem::not_found("unknown-user", detail)
}

/// All that is shown of a user; `None` if nobody has this id.
pub(in crate::web) async fn view(
    state: &State,
    user: &UserId,
) -> Result<Option<UserView>, Problem> {
    let store = state.store();
    let (known_since, unfinished) = store.begun_connects(user.clone()).await?;
    let counts = store.record_counts(user.clone()).await?;
    if known_since.is_none() && store.users_among(vec![user.clone()]).await?.is_empty() {
        return Ok(None);
    }
    let found = store.connections_of_user(user.clone()).await?;
    let seen = views(state, found.clone()).await?;
    let explained = explain::connections(state, found).await?;
    let connections = explained.into_iter().zip(seen).map(|(it, connection)| {
        let condition = condition::of(&it.connection, it.explanation.as_ref());
        let first = it.explanation.as_ref().and_then(|it| it.causes.first());
        ExplainedConnection {
            id: it.connection.id,
            title: title(state, &connection.partner).to_owned(),
            condition,
            words: condition.words(),
            since: first.and_then(|cause| cause.since),
            newest_at: newest(&counts, &connection.partner),
            explanation: it.explanation,
            connection,
        }
    });
    let connections: Vec<_> = connections.collect();
    let unfinished: Vec<_> = unfinished.into_iter().map(|it| begun(state, it)).collect();
    let pairs: Vec<_> = connections.iter().map(|it| (it.condition, it.title.as_str())).collect();
    let begun: Vec<_> = unfinished.iter().map(|it| it.title.as_str()).collect();
    let headline = headline(user, &pairs, &begun, !counts.by.is_empty());
    Ok(Some(UserView {
        user_id: user.clone(),
        headline,
        known_since,
        connections,
        unfinished,
        records: counts_view(counts),
        syncs: timeline::page(state, user.clone(), None, None, LATEST).await?.syncs,
    }))
}

fn begun(state: &State, it: Unfinished) -> UnfinishedConnect {
    let title = title(state, &it.partner).to_owned();
    UnfinishedConnect { partner: it.partner, title, since: it.since }
}

fn newest(counts: &RecordCounts, partner: &str) -> Option<DateTime<Utc>> {
    let of_it = counts.by.iter().filter(|it| it.source_partner.as_deref() == Some(partner));
    of_it.map(|it| it.newest_at).max()
}

fn counts_view(counts: RecordCounts) -> CountsView {
    let by = counts.by.into_iter().map(|it| CountView {
        kind: it.measurement_type.unwrap_or(it.kind),
        partner: it.source_partner,
        count: it.count,
        newest_at: it.newest_at,
    });
    let by: Vec<_> = by.collect();
    CountsView { counted: by.iter().map(|it| it.count).sum(), more: counts.more, by }
}
