//! Errors in Google's form.

use serde_json::{Value, json};

use crate::call::Answer;

/// An answer that refuses a call.
pub(super) type Refusal = Answer;

fn refusal(code: u16, status: &str, reason: Option<&str>, message: &str) -> Refusal {
    let mut error = json!({"code": code, "message": message, "status": status});
    if let (Some(reason), Some(fields)) = (reason, error.as_object_mut()) {
        let details: Value = json!([{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason, "domain": "health.googleapis.com",
        }]);
        fields.insert("details".to_owned(), details);
    }
    Answer::json(code, &json!({"error": error}))
}

pub(super) fn unauthenticated() -> Refusal {
    refusal(
        401,
        "UNAUTHENTICATED",
        None,
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid \
         authentication credential.",
    )
}

pub(super) fn missing_scope() -> Refusal {
    let message = "Request had insufficient authentication scopes.";
    refusal(403, "PERMISSION_DENIED", Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT"), message)
}

/// Only the application's own points can be changed. A deletion answers 403, a change 400.
pub(super) fn not_owned(deleting: bool) -> Refusal {
    let reason = Some("DATA_POINT_NOT_OWNED_BY_CLIENT");
    if deleting {
        refusal(403, "PERMISSION_DENIED", reason, "Invalid argument in request: names")
    } else {
        refusal(400, "INVALID_ARGUMENT", reason, "Invalid argument in request: name")
    }
}

pub(super) fn other_user() -> Refusal {
    refusal(403, "PERMISSION_DENIED", None, "The caller does not have permission")
}

pub(super) fn not_found() -> Refusal {
    refusal(404, "NOT_FOUND", None, "Requested entity was not found.")
}

pub(super) fn invalid(reason: &str, message: &str) -> Refusal {
    refusal(400, "INVALID_ARGUMENT", Some(reason), message)
}

pub(super) fn already_exists() -> Refusal {
    refusal(409, "ALREADY_EXISTS", None, "Requested entity already exists")
}

/// A request that does not match the API at all.
pub(super) fn misfit(message: &str) -> Refusal {
    refusal(400, "INVALID_ARGUMENT", None, message)
}

pub(super) fn precondition(message: &str) -> Refusal {
    refusal(400, "FAILED_PRECONDITION", None, message)
}

pub(super) fn exhausted(limit: &str) -> Refusal {
    let message = format!(
        "Quota exceeded for quota metric 'Requests' and limit '{limit}' of service 'health.googleapis.com' for \
         consumer 'project_number:1002003004'."
    );
    refusal(429, "RESOURCE_EXHAUSTED", Some("RATE_LIMIT_EXCEEDED"), &message)
}

/// The answer for an address that the service does not have.
pub(super) fn no_such_address() -> Answer {
    let page = "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title><p>The requested URL was not found on this server.";
    Answer::new(404, "text/html; charset=UTF-8", page)
}
