//! Users found by how their ids begin.

use actix_web::{HttpResponse, get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::condition;
use super::near::near;
use crate::model::{Condition, Connection, Status, UserId};
use crate::store::UserFilter;
use crate::web::auth::AdminKey;
use crate::web::{Problem, State, paging};

/// A user's connection, as a list shows it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct ListedConnection {
    pub(in crate::web) partner: String,
    /// The partner's name as people write it.
    pub(in crate::web) title: String,
    pub(in crate::web) status: Status,
    pub(in crate::web) condition: Condition,
    /// The condition as people say it.
    pub(in crate::web) words: &'static str,
}

/// A user in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct ListedUser {
    #[schema(value_type = String)]
    pub(in crate::web) user_id: UserId,
    /// The connections that were ever connected, by partner.
    pub(in crate::web) connections: Vec<ListedConnection>,
}

/// A page of users.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"users": [{"user_id": "u-1042", "connections": [{"partner": "withings", "title": "Withings", "status": "needs_reconnect", "condition": "must_reconnect", "words": "Must reconnect"}]}], "near": [], "next_cursor": null}))]
pub(in crate::web) struct UserList {
    /// In the order of their ids: the one whose id is exactly `q` comes first.
    pub(in crate::web) users: Vec<ListedUser>,
    /// If there is none: ids that are almost `q`, the most similar first.
    #[schema(value_type = Vec<String>)]
    pub(in crate::web) near: Vec<UserId>,
    pub(in crate::web) next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// How the id begins; all users without it.
    #[param(max_length = 256, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$", example = "u-10")]
    q: Option<String>,
    /// The `next_cursor` of the previous page.
    #[param(max_length = 512)]
    cursor: Option<String>,
    /// The maximum number of users.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// Finds users by how their ids begin.
#[utoipa::path(operation_id = "find_users", tag = "admin", security(("key" = [])), params(Asked), responses(
    (status = 200, description = "A page of users", body = UserList),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
))]
#[get("/admin/api/users")]
pub(in crate::web) async fn list(
    _: AdminKey,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let limit = paging::limit(asked.limit)?;
    let asked = asked.into_inner();
    let found = find(&state, asked.q.unwrap_or_default(), asked.cursor, limit).await?;
    Ok(HttpResponse::Ok().json(found))
}

/// The users whose ids begin with `begins`, and those that may have been meant if there are none.
pub(in crate::web) async fn find(
    state: &State,
    begins: String,
    cursor: Option<String>,
    limit: i64,
) -> Result<UserList, Problem> {
    let after = cursor.map(|cursor| match UserId::parse(cursor) {
        Ok(after) if after.as_str().starts_with(&begins) => Ok(after),
        _ => Err(paging::bad_cursor()),
    });
    let after = after.transpose()?;
    let is_first = after.is_none();
    let filter = UserFilter { prefix: begins.clone(), after };
    let found = state.store().users(filter, usize::try_from(limit).unwrap_or(1)).await?;
    let next_cursor = paging::next(&found, |user| user.as_str().to_owned());
    let near = if found.rows.is_empty() && is_first && !begins.is_empty() {
        near(state, &begins).await?
    } else {
        Vec::new()
    };
    let mut connections = state.store().connections_of_users(found.rows.clone()).await?;
    let user = |user_id: UserId| {
        let connections = connections.remove(&user_id).unwrap_or_default();
        let connections = connections.into_iter().map(|it| listed(state, it)).collect();
        ListedUser { user_id, connections }
    };
    Ok(UserList { users: found.rows.into_iter().map(user).collect(), near, next_cursor })
}

fn listed(state: &State, connection: Connection) -> ListedConnection {
    let is_installed = state.directory.spec(&connection.partner).is_some();
    let condition =
        if is_installed { condition::stored(&connection) } else { Condition::NotInstalled };
    ListedConnection {
        title: title(state, &connection.partner).to_owned(),
        partner: connection.partner,
        status: connection.status,
        words: condition.words(),
        condition,
    }
}

/// A partner's name as people write it; as it is, if it is not installed.
pub(in crate::web) fn title<'a>(state: &State, partner: &'a str) -> &'a str {
    state.directory.spec(partner).map_or(partner, |spec| spec.manifest().title)
}
