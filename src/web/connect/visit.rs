//! Who may see the page of a link: the first browser that opens the link gets a cookie, and from then on
//! only the cookie counts. The link itself may lie in histories, chats and logs.

use actix_web::cookie::{Cookie, SameSite, time::Duration as CookieTime};
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, REFERRER_POLICY, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, web};
use partner_sdk::secrecy::{ExposeSecret, SecretString};

use super::answer::{Outcome, Seal, Shell};
use crate::store::ConnectLink;
use crate::web::forms::{self, Form};
use crate::web::oauth::{is_ahead_of_a_visit, not_yet};
use crate::web::{State, audit, methods};

/// Why somebody does not see a page. Boxed, because it is large and seldom.
pub(super) type Refusal = Box<HttpResponse>;

/// The browser that a link belongs to, on one of its pages.
pub(super) struct Visit {
    pub(super) link: ConnectLink,
    pub(super) shell: Shell,
    secret: SecretString,
    /// The language that was chosen on the page, if one was.
    pub(super) language: Option<&'static str>,
}

/// The value of a parameter of the address.
pub(super) fn parameter(request: &HttpRequest, name: &str) -> Option<String> {
    let mut all = url::form_urlencoded::parse(request.query_string().as_bytes());
    all.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

fn cookie_name(link: &ConnectLink) -> String {
    format!("syncwell_connect_{}", link.id)
}

/// Whether the browser is the one that a link belongs to; its secret.
fn secret_of(request: &HttpRequest, link: &ConnectLink) -> Option<SecretString> {
    let secret = SecretString::from(request.cookie(&cookie_name(link))?.value());
    link.belongs_to(&secret).then_some(secret)
}

/// The cookie of the first browser, as a header.
fn cookie(state: &State, link: &ConnectLink, secret: &SecretString) -> String {
    let is_https = state.brand.is_https();
    // Browsers keep the cookies of an embedded page only like this, and only with https.
    let is_embedded = state.brand.is_embeddable() && is_https;
    let lasts = (link.expires_at - state.now()).num_seconds();
    let cookie = Cookie::build(cookie_name(link), secret.expose_secret())
        .path("/connect")
        .http_only(true)
        .secure(is_https)
        .same_site(if is_embedded { SameSite::None } else { SameSite::Lax })
        .max_age(CookieTime::seconds(lasts))
        .finish();
    if is_embedded { format!("{cookie}; Partitioned") } else { cookie.to_string() }
}

/// The page that says why a link does not work. Only whoever it belongs to gets the way back, which may
/// name them.
fn refuse(shell: &Shell, page: Outcome, back: Option<String>) -> Refusal {
    let label = shell.say(&shell.texts().back);
    Box::new(page.leading(back, &label).answer(shell))
}

fn unknown(shell: &Shell) -> Refusal {
    let texts = shell.texts();
    let text = shell.say(&texts.no_page_because);
    refuse(shell, Outcome::new(StatusCode::NOT_FOUND, Seal::Warning, &texts.no_page, text), None)
}

fn run_out(shell: &Shell, back: Option<String>) -> Refusal {
    let texts = shell.texts();
    let text = shell.say(&texts.run_out_because);
    refuse(shell, Outcome::new(StatusCode::GONE, Seal::Warning, &texts.run_out, text), back)
}

fn other_browser(shell: &Shell) -> Refusal {
    let texts = shell.texts();
    let text = shell.say(&texts.other_browser_because);
    let page = Outcome::new(StatusCode::FORBIDDEN, Seal::Warning, &texts.other_browser, text);
    refuse(shell, page, None)
}

/// The page for when the store or an actor does not answer.
pub(super) fn not_at_once(shell: &Shell) -> HttpResponse {
    let texts = shell.texts();
    let (status, text) = (StatusCode::SERVICE_UNAVAILABLE, &texts.not_at_once_because);
    Outcome::new(status, Seal::Warning, &texts.not_at_once, text).answer(shell)
}

/// `GET /connect/{token}`: opens a link.
pub(super) async fn open(
    request: HttpRequest,
    token: web::Path<String>,
    state: web::Data<State>,
) -> HttpResponse {
    // Whoever looks ahead, or only whether it is there, must not become its browser.
    if is_ahead_of_a_visit(&request) {
        return not_yet();
    }
    let token = SecretString::from(token.into_inner());
    let found = state.store().connect_link_of_token(&token).await;
    let chosen = parameter(&request, "lang");
    let language = |link: Option<&ConnectLink>| {
        chosen.clone().or_else(|| link.and_then(|link| link.language.clone()))
    };
    let shell = |link| Shell::new(&state.brand, &request, language(link).as_deref());
    let link = match found {
        Ok(Some(link)) => link,
        Ok(None) => return *unknown(&shell(None)),
        Err(_) => return not_at_once(&shell(None)),
    };
    let shell = shell(Some(&link));
    let is_theirs = secret_of(&request, &link).is_some();
    if link.expires_at <= state.now() {
        let back = link.return_url.clone().filter(|_| is_theirs || !link.is_opened());
        return *run_out(&shell, back);
    }
    if methods::is_head(&request) {
        return HttpResponse::Ok().finish();
    }
    let mut answer = HttpResponse::SeeOther();
    if !is_theirs {
        match state.store().open_connect_link(&link).await {
            Ok(Some(secret)) => {
                answer.insert_header((SET_COOKIE, cookie(&state, &link, &secret)));
            }
            Ok(None) => return *other_browser(&shell),
            Err(_) => return not_at_once(&shell),
        }
    }
    let address = address_of(&link.id, "", chosen.as_deref(), &[]);
    answer
        .insert_header((LOCATION, address))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .finish()
}

/// An address of a link's page.
pub(in crate::web) fn address_of(
    link: &str,
    tail: &str,
    language: Option<&str>,
    parameters: &[(&str, &str)],
) -> String {
    let language = language.map(|language| ("lang", language));
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(language.iter().chain(parameters));
    let query = query.finish();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("/connect/{link}/services{tail}{mark}{query}")
}

impl Visit {
    /// The browser's visit to a page of the link with this id.
    ///
    /// # Errors
    /// The page that says why not.
    pub(super) async fn of(
        request: &HttpRequest,
        id: &str,
        state: &State,
    ) -> Result<Self, Refusal> {
        let chosen = parameter(request, "lang");
        let plain = || Shell::new(&state.brand, request, chosen.as_deref());
        let found = state.store().connect_link(id.to_owned()).await;
        let found = found.map_err(|_| Box::new(not_at_once(&plain())))?;
        let link = found.ok_or_else(|| unknown(&plain()))?;
        let language = chosen.as_deref().or(link.language.as_deref());
        let shell = Shell::new(&state.brand, request, language);
        let secret = secret_of(request, &link);
        if link.expires_at <= state.now() {
            let back = link.return_url.filter(|_| secret.is_some());
            return Err(run_out(&shell, back));
        }
        let Some(secret) = secret else { return Err(other_browser(&shell)) };
        audit::by_user(request, &link.user);
        let language = chosen.is_some().then(|| shell.texts().code());
        Ok(Self { link, shell, secret, language })
    }

    /// What a form of this browser's pages carries.
    pub(super) fn form_token(&self) -> String {
        forms::token("connect form", &self.secret)
    }

    /// Reads a form, if a page of this browser sent it.
    ///
    /// # Errors
    /// The page that says that it did not.
    pub(super) async fn form(
        &mut self,
        request: &HttpRequest,
        payload: web::Payload,
        state: &State,
    ) -> Result<Vec<(String, String)>, Refusal> {
        let payload: Payload = payload.into_inner();
        let form = Form::read(request, payload).await.ok();
        let fields = form.as_ref().map(Form::fields).unwrap_or_default();
        let field = |name: &str| fields.iter().find(|(known, _)| known == name);
        if let Some((_, language)) = field("lang").filter(|(_, language)| !language.is_empty()) {
            self.shell = Shell::new(&state.brand, request, Some(language));
            self.language = Some(self.shell.texts().code());
        }
        if form.is_some_and(|form| form.has(&self.form_token())) {
            return Ok(fields);
        }
        let texts = self.shell.texts();
        let (status, why) = (StatusCode::FORBIDDEN, &texts.stale_form_because);
        let page = Outcome::new(status, Seal::Warning, &texts.stale_form, why);
        let page = page.leading(Some(self.address("", &[])), &texts.to_services);
        Err(Box::new(page.answer(&self.shell)))
    }

    /// An address of this link's page.
    pub(super) fn address(&self, tail: &str, parameters: &[(&str, &str)]) -> String {
        address_of(&self.link.id, tail, self.language, parameters)
    }

    /// The chosen language as forms carry it.
    pub(super) fn language_field(&self) -> String {
        self.language.unwrap_or_default().to_owned()
    }

    /// Whether the page has a partner.
    pub(super) fn shows(&self, partner: &str) -> bool {
        self.link.partners.as_ref().is_none_or(|all| all.iter().any(|one| one == partner))
    }

    /// The page that says that there is none at this address.
    pub(super) fn no_page(&self) -> Refusal {
        unknown(&self.shell)
    }
}

/// Leads back to the page after a form was taken.
pub(super) fn see(address: String) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, address))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .finish()
}
