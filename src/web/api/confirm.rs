//! Confirming that it was the user who came back from the partner.

use actix_web::{HttpResponse, post, web};
use partner_sdk::secrecy::SecretString;
use serde::Deserialize;
use tokio::sync::oneshot;
use utoipa::ToSchema;

use super::connection_view::{ConnectionView, views};
use super::connections::find;
use crate::actors;
use crate::model::UserId;
use crate::settings::Secret;
use crate::web::auth::AppKey;
use crate::web::body::Body;
use crate::web::parameters::NoParameters;
use crate::web::{Problem, State, restarting};

/// What the `return_url` was given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"token": "9fJx2cVQ0nqk3hYt5bLw7sRz1mDp4gUa6eXo8iKj0vE"}))]
struct Confirmation {
    /// The parameter `confirm` of the `return_url`. It works once, for ten minutes, and only for the user
    /// and partner of its link.
    #[schema(value_type = String)]
    token: Secret,
}

/// Confirms that it was your user who came back from the partner: the connection works from now on, and a
/// first sync starts. Post it for the user who is logged in to your app in the browser that came back, not
/// for the one whom the link was made for: that is what shows that both are the same. What is not confirmed
/// within ten minutes is revoked at the partner.
#[utoipa::path(operation_id = "confirm_connection", tag = "connections", security(("key" = [])), request_body = Confirmation,
    params(("user" = String, Path, description = "The host app's id of the user who is logged in, percent-encoded"), ("partner" = String, Path, description = "The partner's name")),
    responses(
        (status = 200, description = "The connection", body = ConnectionView),
        (status = 404, description = "There is nothing to confirm with this token for this user: it was used, is older than ten minutes, or was made for somebody else", body = Problem),
        (status = 503, description = "The partner's actor is being restarted, or the database failed; send it again", body = Problem),
    ))]
#[post("/v1/users/{user}/connections/{partner}/confirm")]
pub(super) async fn confirm(
    key: AppKey,
    path: web::Path<(UserId, String)>,
    body: Body<Confirmation>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let token: SecretString = body.read(&key, &state).await?.token.into();
    let (user, partner) = path.into_inner();
    let actor = state.actor(state.partner(&partner)?.name())?;
    let held = state.store().held_grant(&token, user.clone(), partner.clone(), state.now());
    let Some(grant) = held.await? else {
        let detail = "there is nothing to confirm with this token for this user: it was used, is older than \
                      ten minutes, or was made for somebody else; start a new connect";
        return Err(Problem::not_found("nothing-to-confirm", detail));
    };
    let (reply, done) = oneshot::channel();
    actor.do_send(actors::Confirm { grant, token, reply });
    match done.await {
        Ok(Ok(_)) => {}
        Ok(Err(failure)) => return Err(Problem::unavailable("not-confirmed", failure.text)),
        Err(_) => return Err(restarting(&partner)),
    }
    let connection = find(&state, &user, &partner).await?;
    Ok(HttpResponse::Ok().json(views(&state, vec![connection]).await?.pop()))
}
