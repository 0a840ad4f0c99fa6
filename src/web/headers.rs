//! The headers that every answer has, whatever made it. An answer that needs another value has set it before.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, web};

use super::State;

/// Answers load nothing and are shown in nobody's frame; pages have policies of their own.
const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What browsers could offer and no page needs.
const UNUSED: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
                      magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

/// Two years, as lists of such hosts ask.
const ONLY_HTTPS: &str = "max-age=63072000";

const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Adds them.
pub(super) async fn harden(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let public_url = request.app_data::<web::Data<State>>().map(|it| &it.server.public_url);
    let is_https = public_url.is_some_and(|url| url.starts_with("https://"));
    let is_embedded = is_embedded(request.path());
    let mut answer = next.call(request).await?;
    let headers = answer.headers_mut();
    let (opener, resource) =
        if is_embedded { ("unsafe-none", "cross-origin") } else { ("same-origin", "same-origin") };
    for (name, value) in [
        // No proxy or browser keeps health data, and none guesses another type.
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::PERMISSIONS_POLICY, UNUSED),
        (OPENER, opener),
        (RESOURCE, resource),
    ] {
        add(headers, name, value);
    }
    if is_https {
        add(headers, header::STRICT_TRANSPORT_SECURITY, ONLY_HTTPS);
    }
    Ok(answer)
}

fn add(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    if !headers.contains_key(&name) {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Host apps show the connect page in a frame or a window of their own, and hear from it when it is back with them:
/// isolation would take that away.
fn is_embedded(path: &str) -> bool {
    ["/connect/", "/oauth/"].iter().any(|begin| path.starts_with(begin))
}
