//! The administrator's pages: rendered here, without a build step, with every asset inside the binary.
//!
//! One file a page, its template of the same name in `templates/`. A page shows what the calls below
//! `/admin/api` (`src/web/admin`) answer. `frame.rs` is what surrounds each, `session.rs` who is signed in,
//! `answer.rs` what every answer has, `words.rs` times and numbers in words.

mod actors;
pub(in crate::web) mod answer;
pub(in crate::web) mod assets;
mod audit;
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        unused_imports,
        reason = "no page draws the usual range, limits and sparklines yet"
    )
)]
pub(in crate::web) mod chart;
mod errors;
pub(in crate::web) mod frame;
mod issue;
mod keys;
mod overview;
mod partner;
mod partner_words;
pub(in crate::web) mod session;
mod settings;
mod sign_in;
mod user;
mod webhook;
mod webhook_acts;
mod webhooks;
pub(in crate::web) mod words;

use actix_web::web::{self, ServiceConfig};

/// The addresses of the pages and what each can be asked.
pub(super) const ADDRESSES: &[(&str, &[&str])] = &[
    (assets::ADDRESS, &["GET"]),
    ("/admin", &["GET"]),
    ("/admin/actors", &["GET"]),
    ("/admin/audit", &["GET"]),
    ("/admin/errors", &["GET"]),
    ("/admin/partners/{partner}", &["GET", "POST"]),
    ("/admin/sign-in", &["GET", "POST"]),
    ("/admin/sign-out", &["POST"]),
    ("/admin/webhooks", &["GET", "POST"]),
    ("/admin/webhooks/{id}", &["GET"]),
    ("/admin/webhooks/{id}/test", &["POST"]),
    ("/admin/webhooks/{id}/replay", &["POST"]),
    ("/admin/webhooks/{id}/rotate", &["POST"]),
    ("/admin/webhooks/{id}/enable", &["POST"]),
    ("/admin/webhooks/{id}/disable", &["POST"]),
    ("/admin/webhooks/{id}/delete", &["POST"]),
    ("/admin/keys", &["GET", "POST"]),
    ("/admin/keys/{id}/revoke", &["POST"]),
    ("/admin/settings", &["GET"]),
    ("/admin/users", &["GET"]),
    ("/admin/users/{user}", &["GET"]),
    ("/admin/users/{user}/records/{id}", &["GET"]),
    ("/admin/users/{user}/sync", &["POST"]),
    ("/admin/users/{user}/export", &["GET"]),
    ("/admin/users/{user}/erase", &["POST"]),
    ("/admin/users/{user}/disconnect/{partner}", &["GET", "POST"]),
];

/// Adds the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route(assets::ADDRESS, web::get().to(assets::serve))
        .route("/admin", web::get().to(overview::show))
        .route("/admin/actors", web::get().to(actors::show))
        .route("/admin/audit", web::get().to(audit::show))
        .route("/admin/errors", web::get().to(errors::show))
        .route("/admin/partners/{partner}", web::get().to(partner::show))
        .route("/admin/partners/{partner}", web::post().to(partner::act))
        .route("/admin/sign-in", web::get().to(sign_in::show))
        .route("/admin/sign-in", web::post().to(sign_in::begin))
        .route("/admin/sign-out", web::post().to(sign_in::end))
        .route("/admin/webhooks", web::get().to(webhooks::show))
        .route("/admin/webhooks", web::post().to(webhooks::add))
        .route("/admin/webhooks/{id}", web::get().to(webhook::show))
        .route("/admin/webhooks/{id}/test", web::post().to(webhook_acts::test))
        .route("/admin/webhooks/{id}/replay", web::post().to(webhook_acts::replay))
        .route("/admin/webhooks/{id}/rotate", web::post().to(webhook_acts::rotate))
        .route("/admin/webhooks/{id}/enable", web::post().to(webhook_acts::enable))
        .route("/admin/webhooks/{id}/disable", web::post().to(webhook_acts::disable))
        .route("/admin/webhooks/{id}/delete", web::post().to(webhook_acts::delete))
        .route("/admin/keys", web::get().to(keys::show))
        .route("/admin/keys", web::post().to(keys::add))
        .route("/admin/keys/{id}/revoke", web::post().to(keys::revoke))
        .route("/admin/settings", web::get().to(settings::show))
        .configure(user::routes);
}
