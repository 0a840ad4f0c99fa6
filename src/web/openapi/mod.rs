//! The OpenAPI document, generated from the handlers. Requests are checked by it
//! (`src/web/contract`), so it is true.

mod complete;
mod examples;
pub(super) mod page;
mod problems;
pub(super) mod records;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, get, web};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Syncwell",
        description = "Keeps the health data of an application's users in sync with the services they already use. \
            Errors are RFC 9457 problems; those of wrong values list all of them in `errors`. \
            Lists return `next_cursor`, null at the end; those of records, changes and syncs accept `cursor` and `limit`, \
            and a page is shorter than `limit` if its entries are large (8 MB). \
            `HEAD` is answered wherever `GET` is, and `OPTIONS` everywhere; other methods are 405 with `Allow`. \
            Answers to `GET` have an `ETag` (`If-None-Match` is answered with 304) and are packed with gzip for callers that accept it. \
            Every answer has an `X-Request-Id`, which is the caller's own if it sent one (1 to 128 letters, digits and `-_.:`). \
            Bodies have at most 2 MiB and are never unpacked. Dates are RFC 3339 with an offset; in an address a `+` is `%2B`.",
    ),
    tags(
        (name = "partners", description = "The installed partners"),
        (name = "connections", description = "A user's accounts at partners"),
        (name = "sync", description = "Requests for syncs, and their results"),
        (name = "data", description = "Records and their changes"),
        (name = "events", description = "Webhook endpoints, by Standard Webhooks. A message is `{\"type\", \"timestamp\", \"data\"}`: one change (`user_id`, `record` or `connection`, `cause`, `partner`, `cursor`) or, as `records.changed`, up to 500 `changes` of that form, each with its `type` and `timestamp`. \
            `webhook-id` stays the same at each attempt: what comes twice has it twice. The changes of one user come in their order; records and connections are shown as they are when the message is sent. \
            Any 2xx answer within `events.timeout` takes a message. Others are tried again over three days, `Retry-After` of 429 and 503 is kept, and 410 disables the endpoint."),
        (name = "oauth", description = "Where browsers return from partners"),
        (name = "notifications", description = "For partners: what they announce"),
        (name = "admin", description = "For the administrator; needs a key of scope admin"),
        (name = "health", description = "Whether the daemon works; needs no key"),
        (name = "documents", description = "What describes the calls; needs no key"),
    ),
    components(schemas(super::Problem)),
    modifiers(&KeyScheme),
)]
pub(super) struct Document;

struct KeyScheme;

impl Modify for KeyScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("key", SecurityScheme::Http(key));
    }
}

/// The document with all its operations, as it is served.
#[derive(Clone, Debug)]
pub(super) struct Served {
    json: web::Bytes,
    /// The page, once somebody asked for it.
    page: Arc<OnceLock<web::Bytes>>,
}

impl Served {
    /// Completes what the handlers' attributes make.
    pub(super) fn new(generated: &utoipa::openapi::OpenApi) -> (Self, serde_json::Value) {
        // Strings, numbers and maps with string keys always serialize.
        let document = complete::complete(serde_json::to_value(generated).unwrap_or_default());
        let json = document.to_string().into();
        (Self { json, page: Arc::default() }, document)
    }
}

/// This document. It is generated from the code, requests are checked by it, and clients can be generated
/// from it. `/docs` shows it as a page.
#[utoipa::path(operation_id = "get_document", tag = "documents", responses(
    (status = 200, description = "The document, by OpenAPI 3.1", body = Object, content_type = "application/json",
        example = json!({"openapi": "3.1.0", "info": {"title": "Syncwell", "version": "0.1.0"}, "paths": {}})),
))]
#[get("/openapi.json")]
pub(super) async fn serve(document: web::Data<Served>) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(document.json.clone())
}
