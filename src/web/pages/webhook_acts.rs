//! What the buttons of an endpoint's page do.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::NaiveDateTime;
use partner_sdk::secrecy::ExposeSecret;
use serde::Deserialize;

use super::answer::{NoPage, page, page_with, see};
use super::frame::{Frame, Mark, Place};
use super::session::SignedForm;
use super::sign_in::NoFields;
use super::webhooks::{self, ShownOnce};
use super::{assets, words};
use crate::model::DeliveryStatus;
use crate::store::EndpointChange;
use crate::web::{Problem, State, endpoints};

/// The endpoint's page, which says what was done.
fn address(id: &str, done: &str) -> String {
    format!("/admin/webhooks/{id}?done={done}")
}

/// How a test ended.
#[derive(Template)]
#[template(path = "webhook_tested.html")]
struct TestedPage {
    frame: Frame,
    id: String,
    name: String,
    title: String,
    sentence: String,
    state: Mark,
}

/// Sends a test and shows how it ended.
pub(super) async fn test(
    form: SignedForm<NoFields>,
    id: web::Path<String>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let tested = endpoints::test(&state, &id).await?;
    let name = webhooks::name(endpoints::find(&state, &id).await?.url.expose_secret());
    let took = webhooks::took_in_words(u32::try_from(tested.duration_ms).unwrap_or(u32::MAX));
    let is_taken = tested.status == DeliveryStatus::Delivered;
    let (class, symbol, word) =
        if is_taken { ("is-ok", "m-ok", "Taken") } else { ("is-bad", "m-bad", "Failed") };
    let answer = match (tested.status_code, tested.error) {
        (Some(code), _) => format!("It answered {code} in {took}."),
        (None, error) => format!("After {took}: {}.", error.unwrap_or_default()),
    };
    let more = match is_taken {
        true => "The host app hears us.",
        false => {
            "A host app answers 2xx once it has stored the message, within the time of events.timeout."
        }
    };
    page(&TestedPage {
        frame: Frame::new(&state, &form.session, Place::Webhooks).await?,
        id: id.into_inner(),
        title: if is_taken { "The test was taken" } else { "The test was not taken" }.to_owned(),
        sentence: format!("{answer} {more} Message {}.", tested.message_id),
        name,
        state: Mark { class, symbol, word },
    })
}

/// From when on everything is sent again.
#[derive(Deserialize)]
pub(super) struct From {
    from: String,
}

/// Sends everything from a time on again.
pub(super) async fn replay(
    form: SignedForm<From>,
    id: web::Path<String>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let text = form.fields.from;
    let formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"];
    let read = |format: &&str| NaiveDateTime::parse_from_str(text.trim(), format).ok();
    let from = formats.iter().find_map(read).ok_or_else(|| {
        let detail =
            "the time cannot be read; write it as 2026-12-01T06:15, in UTC. Nothing was sent";
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-time", detail)
    })?;
    endpoints::replay(&state, &id, from.and_utc()).await?;
    Ok(see(&address(&id, "replay")))
}

/// Gives the endpoint another secret and shows it.
pub(super) async fn rotate(
    form: SignedForm<NoFields>,
    id: web::Path<String>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let (secret, until) = endpoints::rotate(&state, &id).await?;
    let frame = Frame::new(&state, &form.session, Place::Webhooks).await?;
    let until = words::clock(&until, &frame.now);
    let shown = ShownOnce {
        title: "The endpoint has a new secret",
        sentence: &format!(
            "Until {until} UTC messages are signed with this one and with that before it, then only with this one."
        ),
        secret: secret.expose_secret(),
        hint: "It is shown only now. Another rotation before then ends the older of the two at once.",
        back: &format!("/admin/webhooks/{id}"),
        back_to: "To the endpoint",
        frame,
    };
    page_with(StatusCode::OK, &shown)
}

async fn switch(state: &State, id: &str, enabled: bool) -> Result<HttpResponse, NoPage> {
    let change = EndpointChange { enabled: Some(enabled), ..EndpointChange::default() };
    endpoints::change(state, id, change).await?;
    Ok(see(&address(id, if enabled { "on" } else { "off" })))
}

/// Switches the endpoint on.
pub(super) async fn enable(
    _: SignedForm<NoFields>,
    id: web::Path<String>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    switch(&state, &id, true).await
}

/// Switches the endpoint off.
pub(super) async fn disable(
    _: SignedForm<NoFields>,
    id: web::Path<String>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    switch(&state, &id, false).await
}

/// The id, typed.
#[derive(Deserialize)]
pub(super) struct Confirmed {
    confirm: String,
}

/// Deletes the endpoint.
pub(super) async fn delete(
    form: SignedForm<Confirmed>,
    id: web::Path<String>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    if form.fields.confirm.trim() != id.as_str() {
        return Err(webhooks::not_confirmed("deleted"));
    }
    endpoints::delete(&state, &id).await?;
    Ok(see("/admin/webhooks?deleted=1"))
}
