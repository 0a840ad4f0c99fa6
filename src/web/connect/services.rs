//! The page with all services of a user: what is shared, what is wrong, and what can be connected.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use futures_util::future::join_all;

use super::answer::{Shell, Way};
use super::languages::{self, Texts};
use super::service::{About, Service, Standing};
use super::visit::{Visit, not_at_once, parameter};
use crate::actors::GetAvailability;
use crate::installed::InstalledPartner;
use crate::model::{Connection, ConnectionId, Properties};
use crate::store::StoreError;
use crate::web::State;
use crate::web::pages::assets;

/// How long a partner's actor may take to say whether its partner works; then it is taken to.
const ACTOR_TIMEOUT: Duration = Duration::from_secs(1);

/// A message about what was just done.
#[derive(Debug)]
struct Notice {
    is_good: bool,
    text: String,
}

#[derive(Template)]
#[template(path = "services.html")]
struct ServicesPage<'a> {
    shell: &'a Shell,
    texts: &'static Texts,
    title: String,
    lead: String,
    for_account: String,
    notice: Option<Notice>,
    needing: Vec<Service>,
    connected: Vec<Service>,
    available: Vec<Service>,
    gone: Vec<Service>,
    form_token: String,
    language: String,
    data_stays: String,
    foot: String,
    back: Option<Way>,
    privacy: Option<String>,
    languages: Vec<(&'static Texts, String)>,
}

/// `GET /connect/{id}/services`
pub(super) async fn show(
    request: HttpRequest,
    id: web::Path<String>,
    state: web::Data<State>,
) -> HttpResponse {
    let visit = match Visit::of(&request, &id, &state).await {
        Ok(visit) => visit,
        Err(refusal) => return *refusal,
    };
    let Ok(mut services) = services(&request, &visit, &state).await else {
        return not_at_once(&visit.shell);
    };
    let mut take = |standing: Standing| -> Vec<Service> {
        services.extract_if(.., |service| service.standing == standing).collect()
    };
    let (shell, texts) = (&visit.shell, visit.shell.texts());
    let own = [texts.code()];
    let link = &visit.link;
    let account = link.account.as_deref().unwrap_or_else(|| link.user.as_str());
    let others = languages::all().iter().filter(|texts| !own.contains(&texts.code()));
    let page = ServicesPage {
        shell,
        texts,
        title: shell.title(&texts.services),
        lead: shell.say(&texts.lead),
        for_account: shell.words.say(&texts.for_account, &[("account", account)]),
        notice: notice(&request, shell, &state),
        needing: take(Standing::NeedsUser),
        connected: take(Standing::Connected),
        available: take(Standing::Available),
        gone: take(Standing::Gone),
        form_token: visit.form_token(),
        language: visit.language_field(),
        data_stays: shell.say(&texts.data_stays),
        foot: shell.say(&texts.foot),
        // In a frame there is the app around it.
        back: visit
            .link
            .return_url
            .clone()
            .filter(|_| !shell.is_framed)
            .map(|address| Way { address, label: shell.say(&texts.back) }),
        privacy: state.brand.privacy_url(),
        languages: others
            .map(|other| {
                let code = Some(other.code());
                (other, super::visit::address_of(&visit.link.id, "", code, &[]))
            })
            .collect(),
    };
    shell.answer(StatusCode::OK, &page)
}

/// What was just done, by the address to which its form led.
fn notice(request: &HttpRequest, shell: &Shell, state: &State) -> Option<Notice> {
    let texts = shell.texts();
    let all = [
        ("disconnected", true, &texts.disconnected),
        ("disconnected_here", false, &texts.disconnected_here),
        ("failed", false, &texts.not_done),
    ];
    all.into_iter().find_map(|(name, is_good, text)| {
        let partner = parameter(request, name)?;
        let title = state.directory.spec(&partner)?.manifest().title;
        Some(Notice { is_good, text: shell.words.about(text, title) })
    })
}

/// Whether a partner can be visited now.
async fn answers(state: &State, spec: &InstalledPartner) -> bool {
    let Some(actor) = state.directory.actor(spec.name()) else { return false };
    match tokio::time::timeout(ACTOR_TIMEOUT, actor.send(GetAvailability)).await {
        Ok(Ok(availability)) => availability.retry_at.is_none_or(|at| at <= state.now()),
        Ok(Err(_)) => false,
        Err(_) => true,
    }
}

/// All services that the page has, in the order of the settings.
async fn services(
    request: &HttpRequest,
    visit: &Visit,
    state: &State,
) -> Result<Vec<Service>, StoreError> {
    let now: DateTime<Utc> = state.now();
    let connections = state.store().connections_of_user(visit.link.user.clone()).await?;
    let mut by_partner: BTreeMap<String, Connection> =
        connections.into_iter().map(|it| (it.partner.clone(), it)).collect();
    let ids: Vec<ConnectionId> = by_partner.values().map(|connection| connection.id).collect();
    let mut properties =
        if ids.is_empty() { Default::default() } else { state.store().properties_of(ids).await? };
    let saved = parameter(request, "saved");
    let shown: Vec<_> =
        state.directory.specs().filter(|spec| visit.shows(spec.name())).cloned().collect();
    let gathered = shown.iter().map(|spec| {
        let connection = by_partner.remove(spec.name());
        let properties: Properties = connection
            .as_ref()
            .and_then(|connection| properties.remove(&connection.id))
            .unwrap_or_default();
        let saved = saved.as_deref() == Some(spec.name());
        async move {
            let newest = match &connection {
                Some(connection) => super::service::newest(state, connection, now).await?,
                None => None,
            };
            let answers = answers(state, spec).await;
            let about = About { spec, connection, properties, newest, answers, saved, now };
            about.service(visit, state)
        }
    });
    let services: Result<Vec<_>, StoreError> = join_all(gathered).await.into_iter().collect();
    Ok(services?.into_iter().flatten().collect())
}
