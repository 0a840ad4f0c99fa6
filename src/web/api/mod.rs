//! `/v1`: the host app's calls.

pub(super) mod authorize;
mod by_app_id;
mod changes;
pub(super) mod choices;
mod confirm;
mod connect_link;
pub(super) mod connection_view;
pub(super) mod connections;
mod csv_rows;
pub(super) mod erase;
mod event_views;
pub(super) mod explain;
pub(super) mod export;
mod kinds;
pub(super) mod links;
pub(super) mod notification_view;
pub(super) mod own_records;
pub(super) mod partners;
mod record_input;
pub(super) mod records;
pub(super) mod stream;
mod stream_body;
pub(super) mod stream_reader;
mod stream_tokens;
pub(super) mod sync;
pub(super) mod timeline;
pub(super) mod webhook_endpoints;
pub(super) mod webhook_endpoints_calls;

pub use self::event_views::EventViews;
use utoipa_actix_web::service_config::ServiceConfig;

/// All routes below `/v1`.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(partners::list)
        .service(kinds::list)
        .service(authorize::authorize)
        .service(confirm::confirm)
        .service(connect_link::make)
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
        .service(explain::of_record)
        .service(erase::delete)
        .service(export::get);
}
