//! What the administrator asks, as JSON: one file per endpoint below `/admin/api`. The pages
//! (`src/web/pages`) show the same.

pub(super) mod actors;
pub(super) mod audit;
mod connections;
pub(super) mod error_groups;
pub(super) mod errors;
pub(super) mod keys;
pub(super) mod outlook;
pub(super) mod overview;
pub(super) mod partner_view;
pub(super) mod partners;
pub(super) mod settings;
pub(super) mod users;
pub(super) mod webhooks;

use utoipa_actix_web::service_config::ServiceConfig;

/// Adds the endpoints.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(overview::overview);
    config.service(actors::actors).service(connections::connection).service(errors::list);
    config.service(error_groups::list).service(audit::list);
    config.service(partners::list).service(partners::get);
    config.service(partners::pause).service(partners::resume);
    config.service(keys::list).service(keys::add).service(keys::end).service(settings::list);
    config.service(webhooks::list).service(webhooks::get).service(webhooks::deliveries);
    config.service(users::list::list).service(users::detail::get);
    config.service(users::chart::get).service(users::record::get);
}
