//! The envelope of every answer: HTTP 200, the outcome inside.

use serde::Serialize;
use serde_json::json;

use crate::call::Answer;

#[derive(Serialize)]
struct Envelope<'a, T> {
    status: u16,
    body: &'a T,
}

pub(super) fn ok(body: &impl Serialize) -> Answer {
    Answer::json(200, &Envelope { status: 0, body })
}

pub(super) fn failed(status: u16, error: &str) -> Answer {
    Answer::json(200, &json!({"status": status, "body": {}, "error": error}))
}

/// The status that clients have received for a bad parameter.
pub(super) fn invalid(parameter: &str) -> Answer {
    failed(503, &format!("Invalid Params: invalid {parameter}"))
}

/// This error comes without a body.
pub(super) fn invalid_code() -> Answer {
    Answer::json(200, &json!({"status": 503, "error": "Invalid Params: invalid code"}))
}

/// Status 2554: not implemented (unknown action).
pub(super) fn unknown_action() -> Answer {
    failed(2554, "Not implemented: unknown action")
}

/// The same arguments again within ten seconds.
pub(super) fn too_soon(wait_seconds: i64) -> Answer {
    Answer::json(
        200,
        &json!({
            "status": 601,
            "body": {"wait_seconds": wait_seconds},
            "error": "Same arguments in less than 10 seconds",
        }),
    )
}
