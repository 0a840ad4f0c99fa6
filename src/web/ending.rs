//! Where a browser goes at the end of a connect: to the `return_url` or, without one or after the connect
//! page, to a page of ours.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::State;
use super::connect::answer::{Outcome, Seal, Shell};
use super::connect::{address_of, polled_in_words};
use super::connects::ConnectAnswer;
use crate::installed::InstalledPartner;
use crate::model::ConnectEnd;
use crate::store::ConnectReturn;

/// The answer to a callback.
pub(super) async fn answer(
    state: &State,
    request: &HttpRequest,
    spec: &InstalledPartner,
    answer: ConnectAnswer,
    confirm: Option<&SecretString>,
) -> HttpResponse {
    let (back, end) = match answer {
        ConnectAnswer::Ended(back, end) => (back, Some(end)),
        ConnectAnswer::Otherwise(back) => (back, None),
        ConnectAnswer::Unknown => (ConnectReturn::default(), None),
        ConnectAnswer::NotNow => return not_now(&Shell::new(&state.brand, request, None)),
    };
    let address = going_back(spec, back.url.as_deref(), end, confirm).map(String::from);
    if let (Some(address), Some(_), None) = (&address, end, &back.connect_link) {
        return HttpResponse::SeeOther()
            .insert_header((header::LOCATION, address.as_str()))
            .finish();
    }
    let shell = Shell::new(&state.brand, request, back.language.as_deref());
    let texts = shell.texts();
    let to_app = shell.say(&texts.back);
    let mut page = ended(spec.manifest().title, &shell, end.unwrap_or(ConnectEnd::LinkExpired));
    let Some(link) = &back.connect_link else {
        return page.leading(address, &to_app).answer(&shell);
    };
    let services = Some(address_of(link, "", back.language.as_deref(), &[]));
    let page = match end {
        Some(ConnectEnd::Connected) => {
            if let Some(kinds) = kinds(state, spec, link, &shell).await {
                let values = [("partner", spec.manifest().title), ("kinds", kinds.as_str())];
                page.text = shell.words.say(&texts.connected_kinds, &values);
            }
            page.leading(address, &to_app).leading(services, &texts.choose)
        }
        Some(ConnectEnd::Unconfirmed) => page.leading(address, &to_app),
        Some(ConnectEnd::Denied) => {
            page.leading(address, &to_app).leading(services, &texts.try_again)
        }
        Some(ConnectEnd::PartnerUnavailable) => {
            page.leading(services, &texts.try_again).leading(address, &to_app)
        }
        _ => page.leading(services, &texts.to_services).leading(address, &to_app),
    };
    page.answer(&shell)
}

/// What the connection of a link's user brings, in words.
async fn kinds(
    state: &State,
    spec: &InstalledPartner,
    link: &str,
    shell: &Shell,
) -> Option<String> {
    let link = state.store().connect_link(link.to_owned()).await.ok()??;
    let connection = state.store().connection(link.user, spec.name().to_owned()).await.ok()??;
    let properties = state.store().properties(connection.id).await.ok()?;
    let kinds = polled_in_words(spec.manifest(), &properties, shell.texts());
    Some(kinds).filter(|kinds| !kinds.is_empty())
}

/// The `return_url`, with how the connect ended. It was validated when the connect began.
fn going_back(
    spec: &InstalledPartner,
    return_url: Option<&str>,
    end: Option<ConnectEnd>,
    confirm: Option<&SecretString>,
) -> Option<Url> {
    let mut url = Url::parse(return_url?).ok()?;
    if let Some(end) = end {
        url.query_pairs_mut()
            .append_pair("status", end.status())
            .append_pair("partner", spec.name())
            .extend_pairs(end.reason().map(|reason| ("reason", reason)));
        if let (ConnectEnd::Unconfirmed, Some(token)) = (end, confirm) {
            url.query_pairs_mut().append_pair("confirm", token.expose_secret());
        }
    }
    Some(url)
}

fn ended(title: &str, shell: &Shell, end: ConnectEnd) -> Outcome {
    let texts = shell.texts();
    let about = |text: &str| shell.words.about(text, title);
    let (status, seal, heading, text) = match end {
        ConnectEnd::Connected => {
            (StatusCode::OK, Seal::Done, &texts.connected_now, &texts.connected_plainly)
        }
        ConnectEnd::Unconfirmed => {
            (StatusCode::OK, Seal::Nothing, &texts.almost, &texts.app_confirms)
        }
        ConnectEnd::Denied => {
            (StatusCode::OK, Seal::Nothing, &texts.nothing_connected, &texts.denied)
        }
        ConnectEnd::LinkExpired => {
            (StatusCode::BAD_REQUEST, Seal::Warning, &texts.run_out, &texts.used_or_late)
        }
        ConnectEnd::PartnerUnavailable => {
            (StatusCode::BAD_GATEWAY, Seal::Warning, &texts.did_not_answer, &texts.not_your_fault)
        }
        ConnectEnd::CodeRefused | ConnectEnd::PartnerRefused | ConnectEnd::Interrupted => {
            (StatusCode::BAD_GATEWAY, Seal::Warning, &texts.not_connected, &texts.went_wrong)
        }
    };
    let mut page = Outcome::new(status, seal, about(heading), about(text));
    if matches!(end, ConnectEnd::Connected | ConnectEnd::Denied) {
        page.foot.clone_from(&texts.can_close);
    }
    page
}

fn not_now(shell: &Shell) -> HttpResponse {
    let texts = shell.texts();
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Outcome::new(status, Seal::Nothing, &texts.moment, &texts.starting).answer(shell)
}
