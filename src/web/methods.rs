//! What every address can be asked, in one place: `HEAD` wherever `GET` is, `OPTIONS` everywhere, and 405
//! with `Allow` for other methods. The OpenAPI document says which methods an address has.

use actix_web::body::MessageBody;
use actix_web::dev::{ResourceDef, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, ResponseError, web};
use utoipa::openapi::{OpenApi, PathItem};

use super::pages::answer::NoPage;
use super::{Problem, connect, pages};

/// The methods of each address.
pub(super) struct Addresses(Vec<(ResourceDef, Vec<&'static str>)>);

impl Addresses {
    pub(super) fn of(document: &OpenApi) -> Self {
        let documented = document.paths.paths.iter();
        let methods =
            |(pattern, item): (&String, _)| (ResourceDef::new(pattern.as_str()), methods_of(item));
        let pages = pages::ADDRESSES.iter().chain(connect::ADDRESSES);
        let pages = pages.map(|(pattern, methods)| (ResourceDef::new(*pattern), methods.to_vec()));
        Self(documented.map(methods).chain(pages).collect())
    }

    /// What a path can be asked; `None` if there is no such address.
    fn allowed(&self, path: &str) -> Option<Vec<&'static str>> {
        let found = self.0.iter().filter(|(pattern, _)| pattern.is_match(path));
        let mut methods: Vec<_> = found.flat_map(|(_, methods)| methods.iter().copied()).collect();
        if methods.is_empty() {
            return None;
        }
        if methods.contains(&"GET") && !methods.contains(&"HEAD") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        methods.sort_unstable();
        Some(methods)
    }
}

fn methods_of(item: &PathItem) -> Vec<&'static str> {
    [
        ("GET", &item.get),
        ("HEAD", &item.head),
        ("PUT", &item.put),
        ("POST", &item.post),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.as_ref().map(|_| method))
    .collect()
}

/// Handles every request that has no route.
pub(super) async fn no_route(
    request: HttpRequest,
    addresses: web::Data<Addresses>,
) -> HttpResponse {
    let (method, path) = (request.method(), request.path());
    let Some(allowed) = addresses.allowed(path) else {
        return if is_for_a_person(&request) { no_such_page() } else { no_such_address(&request) };
    };
    let allow = (header::ALLOW, allowed.join(", "));
    if method == Method::OPTIONS {
        return HttpResponse::NoContent().insert_header(allow).finish();
    }
    let own: Vec<_> =
        allowed.iter().filter(|name| !["HEAD", "OPTIONS"].contains(name)).copied().collect();
    let detail = format!("there is no {method} {path}; use {}", own.join(" or "));
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "no-such-method", detail);
    let mut response = HttpResponse::from_error(problem);
    if let Ok(value) = header::HeaderValue::from_str(&allow.1) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

/// Whether a browser asks for one of the administrator's pages.
fn is_for_a_person(request: &HttpRequest) -> bool {
    let path = request.path();
    path.starts_with("/admin/") && !path.starts_with("/admin/api/")
}

fn no_such_page() -> HttpResponse {
    let detail = "There is no page at this address. The navigation of the overview lists all.";
    NoPage::from(Problem::not_found("no-such-address", detail)).error_response()
}

/// Answers a request for what does not exist.
pub(super) fn no_such_address(request: &HttpRequest) -> HttpResponse {
    let (method, path) = (request.method(), request.path());
    let detail = format!("there is no {method} {path}; /openapi.json lists what there is");
    HttpResponse::from_error(Problem::not_found("no-such-address", detail))
}

/// Says of a request that it was a `HEAD`.
struct IsHead;

/// Whether only the head of the answer is wanted.
pub(super) fn is_head(request: &HttpRequest) -> bool {
    request.extensions().contains::<IsHead>()
}

/// Lets `HEAD` be answered by what answers `GET`; the server leaves out the body. The callback and
/// the addresses of notifications have their own.
pub(super) async fn head_is_get(
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let has_own = ["/oauth/", "/notifications/"].iter().any(|it| request.path().starts_with(it));
    if request.method() == Method::HEAD && !has_own {
        request.head_mut().method = Method::GET;
        request.extensions_mut().insert(IsHead);
    }
    next.call(request).await
}
