//! The connect page, for end users: which services there are and what each would share; connect,
//! disconnect, and choose what is shared. `POST /v1/users/{user}/connect-link` makes the link to it.
//!
//! - `visit.rs`: who may see it. The first browser that opens a link gets a cookie; other browsers see
//!   nothing, and forms carry a token that only pages of that browser have.
//! - `services.rs` and `service.rs`: the page and what it says about each service; `kinds.rs` and
//!   `words.rs` are kinds, times and values in words, `languages/` has one file a language.
//! - `acts.rs`: what its links and forms do.
//! - `answer.rs`: what surrounds each page, and the page that says one thing; `brand.rs` the app's name,
//!   colour and logo.

mod acts;
pub(super) mod answer;
mod brand;
mod kinds;
pub(super) mod languages;
mod service;
mod services;
mod visit;
mod words;

use actix_web::web::{self, ServiceConfig};

pub use self::brand::Brand;
pub(super) use self::visit::address_of;

/// The addresses of the pages and what each can be asked. The first two before the links': they have the
/// same form.
pub(super) const ADDRESSES: &[(&str, &[&str])] = &[
    (brand::COLOUR_ADDRESS, &["GET"]),
    (brand::LOGO_ADDRESS, &["GET"]),
    ("/connect/{token}", &["GET"]),
    ("/connect/{id}/services", &["GET"]),
    ("/connect/{id}/services/{partner}/start", &["GET"]),
    ("/connect/{id}/services/{partner}/choices", &["POST"]),
    ("/connect/{id}/services/{partner}/disconnect", &["GET", "POST"]),
];

/// Adds the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route(brand::COLOUR_ADDRESS, web::get().to(brand::colour))
        .route(brand::LOGO_ADDRESS, web::get().to(brand::logo))
        .route("/connect/{token}", web::get().to(visit::open))
        .route("/connect/{id}/services", web::get().to(services::show))
        .route("/connect/{id}/services/{partner}/start", web::get().to(acts::start))
        .route("/connect/{id}/services/{partner}/choices", web::post().to(acts::choose))
        .route("/connect/{id}/services/{partner}/disconnect", web::get().to(acts::ask))
        .route("/connect/{id}/services/{partner}/disconnect", web::post().to(acts::disconnect));
}

/// The kinds that a connection brings, in words.
pub(super) fn polled_in_words(
    manifest: &partner_sdk::Manifest,
    properties: &crate::model::Properties,
    texts: &languages::Texts,
) -> String {
    let polled: Vec<_> =
        manifest.poll_kinds().into_iter().filter(|kind| properties.polls(*kind)).collect();
    texts.list(&kinds::in_words(&polled, texts))
}
