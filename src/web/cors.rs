//! Pages of other origins (CORS) may read the stream of a user, and nothing else: with a token, which
//! the page sends itself, so nothing is allowed that a browser would add by itself.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderValue, ORIGIN, VARY,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};

use super::State;

/// What a page may send.
const HEADERS: &str = "authorization, last-event-id";

/// How many seconds a browser may remember that.
const MAX_AGE: &str = "600";

/// The middleware.
pub(super) async fn allow_streams(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if !is_stream_of_user(request.path()) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let origin = allowed_origin(&request);
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut answer = match &origin {
        Some(_) if is_preflight => {
            let mut answer = HttpResponse::NoContent();
            answer.insert_header((ACCESS_CONTROL_ALLOW_METHODS, "GET"));
            answer.insert_header((ACCESS_CONTROL_ALLOW_HEADERS, HEADERS));
            answer.insert_header((ACCESS_CONTROL_MAX_AGE, MAX_AGE));
            request.into_response(answer.finish())
        }
        _ => next.call(request).await?.map_into_boxed_body(),
    };
    allow(answer.headers_mut(), origin);
    Ok(answer)
}

fn allow(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let exposed = HeaderValue::from_static("x-request-id");
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}

/// Whether it is the path of `/v1/users/{user}/stream`.
fn is_stream_of_user(path: &str) -> bool {
    let user = path.strip_prefix("/v1/users/").and_then(|rest| rest.strip_suffix("/stream"));
    user.is_some_and(|user| !user.is_empty() && !user.contains('/'))
}

/// The origin of the page, if the settings have it.
fn allowed_origin(request: &ServiceRequest) -> Option<HeaderValue> {
    let state = request.app_data::<web::Data<State>>()?;
    let origin = request.headers().get(ORIGIN)?;
    let allowed = &state.streams.settings.origins;
    allowed.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_stream_of_a_user_is_meant() {
        for (path, meant) in [
            ("/v1/users/ann/stream", true),
            ("/v1/users/a%2Fb/stream", true),
            ("/v1/users//stream", false),
            ("/v1/users/ann/records/stream", false),
            ("/v1/users/ann/stream-tokens", false),
            ("/v1/changes/stream", false),
        ] {
            assert_eq!(is_stream_of_user(path), meant, "{path}");
        }
    }
}
