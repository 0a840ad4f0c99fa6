//! What end users do on the connect page: begin a connect, choose what is shared, disconnect.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::{Act, Outcome, Seal, Shell};
use super::visit::{Refusal, Visit, not_at_once, parameter, see};
use crate::installed::InstalledPartner;
use crate::model::{Connection, Status};
use crate::store::ConnectReturn;
use crate::web::api::authorize::begin_connect;
use crate::web::api::choices::Choices;
use crate::web::api::connections;
use crate::web::oauth::{is_ahead_of_a_visit, not_yet};
use crate::web::{State, methods};

/// The link's id and the partner's name in an address.
type Place = web::Path<(String, String)>;

/// `GET /connect/{id}/services/{partner}/start`: sends the browser to the partner. A link and no form,
/// because the policy of forms (`form-action`) would not let an answer lead to the partner. What is sealed
/// in it shows that the page of this link made it: a page in a frame opens it in a tab of its own, which has
/// no cookie.
pub(super) async fn start(
    request: HttpRequest,
    path: Place,
    state: web::Data<State>,
) -> HttpResponse {
    if is_ahead_of_a_visit(&request) || methods::is_head(&request) {
        return not_yet();
    }
    let (id, partner) = path.into_inner();
    let token = parameter(&request, "token").unwrap_or_default();
    let chosen = parameter(&request, "lang");
    let Ok(found) = state.store().connect_link(id).await else {
        return not_at_once(&Shell::new(&state.brand, &request, chosen.as_deref()));
    };
    let spec = state.directory.spec(&partner).map(Arc::clone);
    let usable = found.filter(|link| {
        link.expires_at > state.now() && state.store().is_connect_start(&link.id, &partner, &token)
    });
    let (Some(link), Some(spec)) = (usable, spec) else {
        let shell = Shell::new(&state.brand, &request, chosen.as_deref());
        let texts = shell.texts();
        let text = shell.say(&texts.run_out_because);
        return Outcome::new(StatusCode::GONE, Seal::Warning, &texts.run_out, text).answer(&shell);
    };
    let shell = Shell::new(&state.brand, &request, chosen.as_deref().or(link.language.as_deref()));
    // A tab that was opened from a frame has nothing to go back to, unless the host app must confirm.
    let is_framed = parameter(&request, "framed").is_some();
    let back = ConnectReturn {
        url: link.return_url.filter(|_| !is_framed || link.confirm),
        connect_link: Some(link.id.clone()).filter(|_| !is_framed),
        language: Some(shell.texts().code().to_owned()),
        confirm: link.confirm,
    };
    match begin_connect(&state, &spec, link.user, back, Vec::new()).await {
        Ok(begun) => see(begun.authorize_url),
        Err(_) => {
            let texts = shell.texts();
            let heading = shell.words.about(&texts.did_not_answer, spec.manifest().title);
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let page = Outcome::new(status, Seal::Warning, heading, &texts.not_your_fault);
            let again = super::visit::address_of(&link.id, "", chosen.as_deref(), &[]);
            page.leading(Some(again).filter(|_| !is_framed), &texts.try_again).answer(&shell)
        }
    }
}

/// The visit to the part of a page that is about a connected partner.
async fn about(
    request: &HttpRequest,
    path: Place,
    state: &State,
) -> Result<(Visit, Arc<InstalledPartner>, Connection), Refusal> {
    let (id, partner) = path.into_inner();
    let visit = Visit::of(request, &id, state).await?;
    let spec = state.directory.spec(&partner).filter(|_| visit.shows(&partner));
    let Some(spec) = spec.map(Arc::clone) else { return Err(visit.no_page()) };
    match state.store().connection(visit.link.user.clone(), partner).await {
        Ok(Some(connection)) => Ok((visit, spec, connection)),
        Ok(None) => Err(visit.no_page()),
        Err(_) => Err(Box::new(not_at_once(&visit.shell))),
    }
}

fn either(answer: Result<HttpResponse, Refusal>) -> HttpResponse {
    answer.unwrap_or_else(|refusal| *refusal)
}

/// `POST /connect/{id}/services/{partner}/choices`: changes what is shared.
pub(super) async fn choose(
    request: HttpRequest,
    path: Place,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    let chosen = async {
        let (mut visit, spec, connection) = about(&request, path, &state).await?;
        let fields = visit.form(&request, payload, &state).await?;
        let changed = match choices(&fields).check(spec.manifest()) {
            Ok(choices) => connections::configure(&state, &connection, choices).await,
            Err(problem) => Err(problem),
        };
        let what = if changed.is_ok() { "saved" } else { "failed" };
        let address = visit.address("", &[(what, spec.name())]);
        Ok(see(format!("{address}#{}", spec.name())))
    };
    either(chosen.await)
}

/// What a form chooses: `of` names what it showed, `on` what of it is switched on, each as
/// `poll.weight,body_fat`. What it did not show stays as it is.
fn choices(fields: &[(String, String)]) -> Choices {
    let mut choices = Choices::default();
    let all = |name: &'static str| {
        fields.iter().filter(move |(known, _)| known == name).map(|(_, value)| value)
    };
    for shown in all("of") {
        let is_on = all("on").any(|on| on == shown);
        let Some((direction, kinds)) = shown.split_once('.') else { continue };
        let kinds: BTreeMap<String, bool> =
            kinds.split(',').map(|kind| (kind.to_owned(), is_on)).collect();
        match direction {
            "poll" => choices.poll.extend(kinds),
            "push" => choices.push.extend(kinds),
            _ => {}
        }
    }
    choices
}

/// `GET /connect/{id}/services/{partner}/disconnect`: asks whether to.
pub(super) async fn ask(
    request: HttpRequest,
    path: Place,
    state: web::Data<State>,
) -> HttpResponse {
    let asked = async {
        let (visit, spec, _) = about(&request, path, &state).await?;
        let (shell, title, texts) = (&visit.shell, spec.manifest().title, visit.shell.texts());
        let heading = shell.words.about(&texts.disconnect_question, title);
        let text = shell.words.about(&texts.disconnect_means, title);
        let page = Outcome::new(StatusCode::OK, Seal::Warning, heading, text);
        let mut page = page.leading(Some(visit.address("", &[])), &texts.keep);
        page.act = Some(Act {
            address: visit.address(&format!("/{}/disconnect", spec.name()), &[]),
            form_token: visit.form_token(),
            language: visit.language_field(),
            label: shell.words.about(&texts.disconnect, title),
        });
        Ok(page.answer(shell))
    };
    either(asked.await)
}

/// `POST /connect/{id}/services/{partner}/disconnect`: disconnects.
pub(super) async fn disconnect(
    request: HttpRequest,
    path: Place,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    let ended = async {
        let (mut visit, spec, connection) = about(&request, path, &state).await?;
        visit.form(&request, payload, &state).await?;
        let was_connected = connection.status != Status::Disconnected;
        let what = match connections::end(&state, &connection).await {
            Ok(ended) if was_connected && !ended.revoked => "disconnected_here",
            Ok(_) => "disconnected",
            Err(_) => "failed",
        };
        Ok(see(visit.address("", &[(what, spec.name())])))
    };
    either(ended.await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_form_showed_is_chosen() {
        let fields = |text: &str| {
            url::form_urlencoded::parse(text.as_bytes()).into_owned().collect::<Vec<_>>()
        };
        let chosen = choices(&fields(
            "of=poll.weight,body_fat&on=poll.weight,body_fat&of=poll.exercise&of=push.weight&on=push.weight&on=push.height&of=other.x&of=poll",
        ));
        let expected = |names: &[(&str, bool)]| {
            names.iter().map(|(name, on)| ((*name).to_owned(), *on)).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(
            chosen.poll,
            expected(&[("weight", true), ("body_fat", true), ("exercise", false)])
        );
        assert_eq!(chosen.push, expected(&[("weight", true)]));
        assert_eq!(chosen.time_zone, None);
    }
}
