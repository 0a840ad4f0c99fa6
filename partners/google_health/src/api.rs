//! The calls and what their answers mean.

use std::borrow::Cow;

use partner_sdk::serde_json::{Value, json};
use partner_sdk::{Call, LimitScope, PartnerError, Reply, Session};
use serde::Deserialize;

/// One page of a list. API reference, dataPoints.list: either field is left out when it is empty.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listing {
    #[serde(default, deserialize_with = "partner_sdk::list_or_nothing")]
    pub(crate) data_points: Vec<Value>,
    #[serde(default)]
    pub(crate) next_page_token: Option<String>,
}

/// The resource that holds the points of a feed. A feed is named after its data type; addresses
/// have the name in kebab case ("Data types").
pub(crate) fn collection(feed: &str) -> String {
    format!("users/me/dataTypes/{}/dataPoints", feed.replace('_', "-"))
}

/// Sends a write and reads the operation in the answer; `None` if the target does not exist.
pub(crate) async fn write(session: &Session, call: Call) -> Result<Option<Value>, PartnerError> {
    let reply = call.send_unchecked().await?;
    let outcome = read_operation(&reply);
    if let Err(PartnerError::RateLimited { scope, wait }) = outcome {
        session.limited(scope, wait);
    }
    outcome
}

/// Returns the point of that name; `None` if Google says that it does not exist. A web page with
/// status 404 says nothing.
pub(crate) async fn find_point(
    session: &Session,
    name: &str,
) -> Result<Option<Value>, PartnerError> {
    let reply = session.get(&format!("/v4/{name}")).send_unchecked().await?;
    let body = reply.json::<Value>().ok();
    let status = body.as_ref().and_then(|body| body.pointer("/error/status")?.as_str());
    if status == Some("NOT_FOUND") {
        return Ok(None);
    }
    let outcome = read_error(&reply).map_or_else(|| reply.check(), Err);
    if let Err(PartnerError::RateLimited { scope, wait }) = outcome {
        session.limited(scope, wait);
    }
    outcome?;
    reply.json().map(Some)
}

/// API reference, Operation: finished at once, with a response or an error of its own.
#[derive(Deserialize)]
struct Operation {
    #[serde(default)]
    done: bool,
    #[serde(default)]
    response: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
}

fn read_operation(reply: &Reply) -> Result<Option<Value>, PartnerError> {
    if !(200..300).contains(&reply.status) {
        return read_refusal(reply);
    }
    let operation: Operation = reply.json()?;
    match (operation.error, operation.response) {
        (Some(error), _) => {
            let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
            let body = json!({ "error": error }).to_string();
            let headers = reply.headers.clone();
            read_refusal(&Reply { status: http_status(code), headers, body: body.into() })
        }
        (None, Some(response)) => Ok(Some(response)),
        (None, None) if operation.done => Ok(Some(Value::Null)),
        (None, None) => Err(PartnerError::Transient("the operation is not finished yet".into())),
    }
}

/// Returns the HTTP status for a code of google.rpc.Code (google/rpc/code.proto).
fn http_status(code: i64) -> u16 {
    match code {
        3 | 9 | 11 => 400,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        16 => 401,
        _ => 500,
    }
}

/// What a failed write means: it will never be accepted, its target is gone, or the same as for a
/// read.
fn read_refusal(reply: &Reply) -> Result<Option<Value>, PartnerError> {
    if let Some(error) = read_error(reply) {
        return Err(error);
    }
    let reason = Refusal::of(reply).and_then(|refusal| refusal.reason);
    // Seen in the field: changing a point that this client did not create is answered with 400,
    // deleting one with 403.
    let foreign = matches!(
        reason.as_deref(),
        Some("DATA_POINT_NOT_OWNED_BY_CLIENT" | "USER_DEFINED_CONTENT")
    );
    match reply.status {
        404 | 410 => Ok(None),
        403 if foreign => Err(PartnerError::Rejected("another program made this entry".into())),
        400 | 409 | 422 => Err(PartnerError::Rejected(detail(reply.status, reason))),
        _ => reply.check().map(|()| None),
    }
}

fn detail(status: u16, reason: Option<String>) -> Cow<'static, str> {
    match reason {
        Some(reason) => format!("HTTP {status}, {reason}").into(),
        None => format!("HTTP {status}").into(),
    }
}

/// A failure in Google's form: "Error model" (cloud.google.com/apis/design/errors).
struct Refusal {
    /// The reason of the `ErrorInfo` among the details; "Errors" lists those of Google Health.
    reason: Option<String>,
    /// The text that shows whose quota was used up, in lower case.
    about: String,
}

impl Refusal {
    fn of(reply: &Reply) -> Option<Self> {
        let body: Value = reply.json().ok()?;
        let error = body.get("error")?.as_object()?;
        let info = error.get("details").and_then(Value::as_array).into_iter().flatten();
        let info = info.into_iter().find(|detail| detail.get("reason").is_some());
        let reason = info.and_then(|info| info.get("reason")?.as_str());
        let limit = info.and_then(|info| info.pointer("/metadata/quota_limit")?.as_str());
        let message = error.get("message").and_then(Value::as_str);
        Some(Self {
            // Same page: upper case letters, digits and underscores, at most 63.
            reason: reason
                .filter(|text| {
                    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                    text.len() <= 63 && text.bytes().all(plain)
                })
                .map(ToOwned::to_owned),
            about: limit.or(message).unwrap_or_default().to_lowercase(),
        })
    }
}

/// What an answer means, where the general rules are less specific.
pub(crate) fn read_error(reply: &Reply) -> Option<PartnerError> {
    if !matches!(reply.status, 400 | 403 | 429) {
        return None;
    }
    let Refusal { reason, about } = Refusal::of(reply)?;
    match (reply.status, reason.as_deref()) {
        // "Rate limits": 300 a minute for one user and 120,000 for the project. If the answer does
        // not say which it was, the user's is assumed: it is far smaller, and if it was the
        // project's, each connection still waits after its own refusal.
        (429, _) => {
            let of_project = about.contains("project") && !about.contains("user");
            let scope = if of_project { LimitScope::App } else { LimitScope::Connection };
            Some(PartnerError::RateLimited { scope, wait: reply.retry_after() })
        }
        (403, Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT")) => {
            Some(PartnerError::MissingScope("the access token lacks the scope".into()))
        }
        // "Troubleshooting": until the user has opened Google Health once.
        (400, Some("ACCOUNT_NOT_LINKED")) => Some(PartnerError::Transient(
            "the user's Google account has no Google Health profile yet".into(),
        )),
        (403, Some("DATA_POINT_NOT_OWNED_BY_CLIENT" | "USER_DEFINED_CONTENT") | None) => None,
        // Such as SERVICE_DISABLED, which the application's owner can fix.
        (403, Some(_)) => Some(PartnerError::Transient(detail(403, reason))),
        _ => None,
    }
}
