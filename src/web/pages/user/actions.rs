//! What can be done with a user.

use actix_web::{HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::model::{Status, UserId};
use crate::web::api::{connections, erase, export, sync};
use crate::web::pages::answer::{NoPage, page, see};
use crate::web::pages::assets;
use crate::web::pages::frame::{Frame, Place};
use crate::web::pages::session::{SignedForm, SignedIn};
use crate::web::{Problem, State};

#[derive(Deserialize)]
pub(super) struct Wanted {
    /// Only the connection to this partner.
    partner: Option<String>,
}

/// Syncs all connections of a user now, or one.
pub(super) async fn sync(
    user: web::Path<UserId>,
    form: SignedForm<Wanted>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let user = user.into_inner();
    let address = user.in_address();
    let wanted = form.fields.partner;
    let mut connected = sync::connected(&state, user).await?;
    connected.retain(|it| wanted.as_ref().is_none_or(|partner| *partner == it.partner));
    if connected.is_empty() {
        let detail = "there is no such connection that works now; nothing was done";
        return Err(Problem::conflict("not-connected", detail).into());
    }
    sync::begin(&state, connected, false)?;
    Ok(see(&format!("/admin/users/{address}?done=sync#timeline")))
}

#[derive(Template)]
#[template(path = "user_disconnect.html")]
struct AskDisconnect {
    frame: Frame,
    user: String,
    address: String,
    partner: String,
    title: String,
    is_ended: bool,
}

/// Asks whether a connection is to be ended, and says what that does.
pub(super) async fn ask_disconnect(
    session: SignedIn,
    path: web::Path<(UserId, String)>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let (user, partner) = path.into_inner();
    let connection = connections::find(&state, &user, &partner).await?;
    let mut frame = Frame::new(&state, &session, Place::Users).await?;
    user.as_str().clone_into(&mut frame.searched);
    let shown = AskDisconnect {
        title: state.partner(&partner)?.manifest().title.to_owned(),
        user: user.to_string(),
        address: user.in_address(),
        is_ended: connection.status == Status::Disconnected,
        partner,
        frame,
    };
    page(&shown)
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

/// Ends a connection.
pub(super) async fn disconnect(
    path: web::Path<(UserId, String)>,
    _form: SignedForm<Nothing>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let (user, partner) = path.into_inner();
    let connection = connections::find(&state, &user, &partner).await?;
    let ended = connections::end(&state, &connection).await?;
    let done = if ended.revoked { "revoked" } else { "ended" };
    Ok(see(&format!("/admin/users/{}?done={done}", user.in_address())))
}

/// All that is here of a user, as a file.
pub(super) async fn export(
    _session: SignedIn,
    user: web::Path<UserId>,
    asked: web::Query<export::Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    Ok(export::answer(&state, user.into_inner(), asked.format).await?)
}

#[derive(Deserialize)]
pub(super) struct Confirmed {
    /// The id, typed once more.
    confirm: String,
}

#[derive(Template)]
#[template(path = "user_erased.html")]
struct Gone {
    frame: Frame,
    user: String,
    erased: erase::ErasedView,
}

/// Erases a user, if the id was typed.
pub(super) async fn erase(
    user: web::Path<UserId>,
    form: SignedForm<Confirmed>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let user = user.into_inner();
    if form.fields.confirm.trim() != user.as_str() {
        let detail = "what was typed is not the id of this user; nothing was done. Go back and type it again";
        return Err(Problem::bad_request("not-confirmed", detail).into());
    }
    let erased = erase::erase(&state, &user).await?;
    let frame = Frame::new(&state, &form.session, Place::Users).await?;
    page(&Gone { frame, user: user.to_string(), erased })
}
