//! `/v1`: the host app's calls.

mod authorize;
mod by_app_id;
mod changes;
pub(super) mod choices;
mod connection_view;
mod connections;
mod event_views;
mod explain;
mod kinds;
mod links;
mod notification_view;
mod own_records;
mod partners;
mod record_input;
mod records;
pub(super) mod stream;
mod stream_body;
pub(super) mod stream_reader;
mod stream_tokens;
mod sync;
mod timeline;
mod webhook_endpoints;
mod webhook_endpoints_calls;

pub use self::event_views::EventViews;
use utoipa_actix_web::service_config::ServiceConfig;

/// All routes below `/v1`.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(partners::list)
        .service(kinds::list)
        .service(authorize::authorize)
        .service(connections::list)
        .service(connections::list_all)
        .service(connections::get)
        .service(connections::patch)
        .service(connections::delete)
        .service(sync::sync_user)
        .service(sync::sync_connection)
        .service(sync::sync_partner)
        .service(sync::sync_everyone)
        .service(sync::end_wait)
        .service(records::list)
        .service(own_records::add)
        .service(own_records::get)
        .service(own_records::replace)
        .service(own_records::delete)
        .service(by_app_id::get)
        .service(by_app_id::put)
        .service(by_app_id::delete)
        .service(changes::list)
        .service(timeline::list)
        .service(stream::of_all)
        .service(stream::of_user)
        .service(stream_tokens::make)
        .service(webhook_endpoints::add)
        .service(webhook_endpoints::list)
        .service(webhook_endpoints::get)
        .service(webhook_endpoints::change)
        .service(webhook_endpoints::delete)
        .service(webhook_endpoints_calls::rotate)
        .service(webhook_endpoints_calls::test)
        .service(webhook_endpoints_calls::replay)
        .service(webhook_endpoints_calls::deliveries)
        .service(explain::of_connection)
        .service(explain::of_record);
}
