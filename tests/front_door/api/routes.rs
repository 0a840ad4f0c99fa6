//! What there is to call.

/// Every route except `/openapi.json` itself.
pub(super) const ROUTES: &[(&str, &str)] = &[
    ("GET", "/v1/partners"),
    ("GET", "/v1/kinds"),
    ("POST", "/v1/users/{user}/connections/{partner}/authorize"),
    ("GET", "/v1/users/{user}/connections"),
    ("GET", "/v1/connections"),
    ("GET", "/v1/users/{user}/connections/{partner}"),
    ("PATCH", "/v1/users/{user}/connections/{partner}"),
    ("DELETE", "/v1/users/{user}/connections/{partner}"),
    ("POST", "/v1/users/{user}/sync"),
    ("POST", "/v1/users/{user}/connections/{partner}/sync"),
    ("DELETE", "/v1/partners/{partner}/wait"),
    ("POST", "/v1/partners/{partner}/sync"),
    ("POST", "/v1/sync"),
    ("GET", "/v1/users/{user}/records"),
    ("POST", "/v1/users/{user}/records"),
    ("GET", "/v1/users/{user}/records/{id}"),
    ("PUT", "/v1/users/{user}/records/{id}"),
    ("DELETE", "/v1/users/{user}/records/{id}"),
    ("GET", "/v1/users/{user}/records/by-app-id/{app_id}"),
    ("PUT", "/v1/users/{user}/records/by-app-id/{app_id}"),
    ("DELETE", "/v1/users/{user}/records/by-app-id/{app_id}"),
    ("GET", "/v1/changes"),
    ("GET", "/v1/users/{user}/syncs"),
    ("GET", "/oauth/{partner}/callback"),
    ("HEAD", "/oauth/{partner}/callback"),
    ("GET", "/notifications/{partner}/{secret}"),
    ("HEAD", "/notifications/{partner}/{secret}"),
    ("POST", "/notifications/{partner}/{secret}"),
    ("GET", "/admin/api/actors"),
    ("GET", "/admin/api/connections/{id}"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/v1/changes/stream"),
    ("GET", "/v1/users/{user}/stream"),
    ("POST", "/v1/users/{user}/stream-tokens"),
    ("GET", "/v1/users/{user}/connections/{partner}/explain"),
    ("GET", "/v1/users/{user}/records/{id}/explain"),
    ("GET", "/admin/api/errors"),
    ("GET", "/v1/webhook-endpoints"),
    ("POST", "/v1/webhook-endpoints"),
    ("GET", "/v1/webhook-endpoints/{id}"),
    ("PATCH", "/v1/webhook-endpoints/{id}"),
    ("DELETE", "/v1/webhook-endpoints/{id}"),
    ("POST", "/v1/webhook-endpoints/{id}/rotate"),
    ("POST", "/v1/webhook-endpoints/{id}/test"),
    ("POST", "/v1/webhook-endpoints/{id}/replay"),
    ("GET", "/v1/webhook-endpoints/{id}/deliveries"),
];

/// Whether a route needs no API key.
pub(super) fn is_open(path: &str) -> bool {
    path.starts_with("/oauth/")
        || path.starts_with("/notifications/")
        || ["/healthz", "/readyz"].contains(&path)
}
