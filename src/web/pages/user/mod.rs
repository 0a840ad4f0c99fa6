//! The pages of users: search, one user, one record, and what can be done there.

mod actions;
mod figure;
mod lines;
mod looks;
mod record;
mod search;
mod show;

use actix_web::web::{self, ServiceConfig};

/// Adds the pages.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/admin/users", web::get().to(search::show))
        .route("/admin/users/{user}", web::get().to(show::show))
        .route("/admin/users/{user}/records/{id}", web::get().to(record::show))
        .route("/admin/users/{user}/export", web::get().to(actions::export))
        .route("/admin/users/{user}/erase", web::post().to(actions::erase))
        .route("/admin/users/{user}/sync", web::post().to(actions::sync))
        .route("/admin/users/{user}/disconnect/{partner}", web::get().to(actions::ask_disconnect))
        .route("/admin/users/{user}/disconnect/{partner}", web::post().to(actions::disconnect));
}
