//! The OpenAPI document, generated from the handlers.

use actix_web::{HttpResponse, get, web};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Syncwell",
        description = "Keeps the health data of an application's users in sync with the services they already use. \
            Errors are RFC 9457 problems. Lists return `next_cursor`, null at the end, and accept `cursor` and `limit` (at most 1000); \
            a page is shorter if its entries are large (8 MB). \
            `HEAD` is answered wherever `GET` is, and `OPTIONS` everywhere; other methods are 405 with `Allow`. \
            Answers to `GET` have an `ETag` (`If-None-Match` is answered with 304) and are packed with gzip for callers that accept it. \
            Every answer has an `X-Request-Id`, which is the caller's own if it sent one (1 to 128 letters, digits and `-_.:`). \
            Every call with a key may also be answered with 401 (no valid key), 429 (after 20 unknown keys in a minute from one address; `Retry-After` says when to try again) \
            or 415 (a `Content-Encoding`; bodies are never unpacked), and every call with a body with 408 (it took longer than `server.body_timeout`) or 413 (it has more than 2 MiB).",
    ),
    tags(
        (name = "partners", description = "The installed partners"),
        (name = "connections", description = "A user's accounts at partners"),
        (name = "sync", description = "Requests for syncs, and their results"),
        (name = "data", description = "Records and their changes"),
        (name = "oauth", description = "Where browsers return from partners"),
        (name = "admin", description = "For the administrator; needs a key of scope admin"),
        (name = "health", description = "Needs no key"),
    ),
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

#[get("/openapi.json")]
pub(super) async fn serve(generated: web::Data<utoipa::openapi::OpenApi>) -> HttpResponse {
    HttpResponse::Ok().json(generated.as_ref())
}
