//! The HTTP interface: `/v1` for the host app, `/connect` and `/oauth` for end users' browsers,
//! `/notifications` for partners, `/admin` for the administrator.
//!
//! Handlers are thin: extractors validate the input, the actors and the store do the work, and
//! every failure is a [`Problem`].

mod admin;
mod api;
mod audit;
mod auth;
mod body;
mod connect;
mod connects;
mod contract;
mod cors;
mod ending;
mod endpoints;
#[cfg(feature = "demo")]
pub(crate) mod for_demo;
mod forms;
mod headers;
mod health;
mod methods;
mod metrics;
mod notifications;
mod oauth;
mod openapi;
mod origins;
mod pages;
mod paging;
mod parameters;
mod problem;
mod rates;
mod refused_keys;
mod request_id;
mod sign_in_rates;
mod stopping;
mod texts;
mod transfer;
mod unread;

use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::{App, Error, middleware, web};
use chrono::{DateTime, Utc};
use utoipa::OpenApi;
use utoipa_actix_web::AppExt;

pub use self::api::EventViews;
pub use self::api::stream::Streams;
pub use self::audit::NotedViews;
pub use self::connect::Brand;
pub use self::connects::ConnectsUnderWay;
pub use self::problem::Problem;
pub use self::rates::CallRates;
pub use self::refused_keys::RefusedKeys;
pub use self::sign_in_rates::SignInRates;
pub use self::stopping::Stopping;
use crate::actors::{Directory, PartnerActor, Shared, Supervisor};
use crate::events::Events;
use crate::installed::InstalledPartner;
use crate::service_manager::notices;
use crate::settings;
use crate::store::Store;
use crate::telemetry;

/// The largest request body: a thousand records with all their fields.
const LARGEST_BODY: usize = 2 * 1024 * 1024;

/// How often the service manager gets to know how the daemon is.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// What handlers use.
#[derive(Clone, Debug)]
pub struct State {
    /// What all actors share.
    pub shared: Shared,
    /// The installed partners.
    pub directory: Directory,
    /// The root of the actors.
    pub supervisor: Addr<Supervisor>,
    /// The settings of the HTTP server.
    pub server: Arc<settings::Server>,
    /// The callbacks that are being worked on.
    pub connects: ConnectsUnderWay,
    /// How many calls each API key makes.
    pub call_rates: CallRates,
    /// API keys that are not known.
    pub refused_keys: RefusedKeys,
    /// Wrong sign-ins.
    pub sign_ins: SignInRates,
    /// Events out.
    pub events: Events,
    /// Who listens to the change feed.
    pub streams: Streams,
    /// What pages for end users have of the host app.
    pub brand: Brand,
    /// All settings.
    pub settings: settings::InUse,
    /// What was noted in the audit log within the hour.
    pub noted_views: NotedViews,
    /// When the daemon started.
    pub started_at: DateTime<Utc>,
    /// Whether metrics are read without a key.
    pub open_metrics: bool,
    /// Whether the daemon stops.
    pub stopping: Stopping,
}

impl State {
    fn store(&self) -> &Store {
        &self.shared.store
    }

    fn now(&self) -> DateTime<Utc> {
        self.shared.now()
    }

    /// The installed partner of that name.
    fn partner(&self, name: &str) -> Result<&Arc<InstalledPartner>, Problem> {
        self.directory.spec(name).ok_or_else(|| {
            let installed: Vec<_> = self.directory.specs().map(|spec| spec.name()).collect();
            let detail = format!(
                "there is no partner `{name}` here; installed are: {}. See installed_partners in the settings.",
                if installed.is_empty() { "none".to_owned() } else { installed.join(", ") }
            );
            Problem::not_found("unknown-partner", detail)
        })
    }

    /// The actor that serves a partner.
    fn actor(&self, name: &str) -> Result<Addr<PartnerActor>, Problem> {
        self.directory.actor(name).ok_or_else(|| restarting(name))
    }
}

fn restarting(partner: &str) -> Problem {
    let detail = format!("the actor of `{partner}` is being restarted; try again in some seconds");
    Problem::unavailable("partner-restarting", detail)
}

/// Reads bytes as the calls of host apps do.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_anything(bytes: &[u8]) {
    static CONTRACT: std::sync::OnceLock<Arc<contract::Contract>> = std::sync::OnceLock::new();
    let contract = CONTRACT.get_or_init(|| {
        let (_, document) = routes(App::new());
        contract::shared(&openapi::Served::new(&document).1)
    });
    contract::read_anything(contract, bytes);
}

/// Hands new changes to all who listen, until the daemon stops.
pub async fn hand_out_changes(state: State) {
    api::stream_reader::hand_out_changes(state).await;
}

impl State {
    /// Takes over what changed settings allow, and says what they do not.
    ///
    /// # Errors
    /// When one cannot be used.
    pub fn reload(&self, new: &settings::Settings) -> Result<settings::Changes, String> {
        let old = self.settings.get();
        let changes = old.changes(new);
        telemetry::set_filter(&new.log.filter)?;
        self.call_rates.set(new.server.requests_per_minute_per_key);
        self.settings.set(old.with_changes_of(new));
        Ok(changes)
    }
}

/// Tells the service manager how the daemon is, again and again; nothing where there is none.
pub async fn tell_status(state: State) {
    while notices::are_wanted() {
        notices::status(&admin::overview::in_a_line(&state).await);
        tokio::time::sleep(STATUS_EVERY).await;
    }
}

/// Adds all routes that are in the OpenAPI document, and returns it.
fn routes<T>(app: App<T>) -> (App<T>, utoipa::openapi::OpenApi)
where
    T: ServiceFactory<ServiceRequest, Config = (), Error = Error, InitError = ()>,
{
    app.into_utoipa_app()
        .openapi(openapi::Document::openapi())
        .configure(api::routes)
        .service(oauth::callback)
        .service(oauth::callback_exists)
        .configure(admin::routes)
        .service(metrics::read)
        .service(health::alive)
        .service(health::ready)
        .service(openapi::serve)
        .service(openapi::page::show)
        .service(notifications::shake)
        .service(notifications::look)
        .service(notifications::notify)
        .split_for_parts()
}

/// What a program that contains the daemon adds to its addresses, as the demo does.
pub type Extra = Option<Arc<dyn Fn(&mut web::ServiceConfig) + Send + Sync>>;

/// The application, for one worker.
pub fn app(
    state: State,
    extra: Extra,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let (app, document) = routes(App::new());
    let addresses = methods::Addresses::of(&document);
    let (served, document) = openapi::Served::new(&document);
    app.app_data(web::Data::new(state))
        .app_data(web::PayloadConfig::new(LARGEST_BODY))
        .app_data(problem::path_config())
        .app_data(problem::query_config())
        .app_data(web::Data::new(addresses))
        .app_data(web::Data::new(served))
        .app_data(web::Data::new(contract::shared(&document)))
        .configure(pages::routes)
        .configure(connect::routes)
        .configure(|config| {
            if let Some(add) = &extra {
                add(config)
            }
        })
        .service(
            web::resource("/notifications/{partner}/{secret}/{tail:.*}")
                .route(web::get().to(notifications::with_tail))
                .route(web::head().to(notifications::with_tail))
                .route(web::post().to(notifications::with_tail))
                .default_service(web::to(methods::no_route)),
        )
        .default_service(web::to(methods::no_route))
        // From the inside out.
        .wrap(middleware::from_fn(audit::note))
        .wrap(middleware::from_fn(transfer::fit))
        .wrap(middleware::from_fn(rates::tell))
        .wrap(middleware::from_fn(methods::head_is_get))
        .wrap(middleware::from_fn(cors::allow_streams))
        .wrap(middleware::from_fn(stopping::close_connections))
        .wrap(middleware::from_fn(origins::refuse_others))
        .wrap(middleware::from_fn(headers::harden))
        .wrap(middleware::from_fn(request_id::name_requests))
        .wrap(middleware::from_fn(unread::close_unread))
}
