//! Errors: a list of objects, not the single code of RFC 6749.

use serde_json::json;

use crate::call::Answer;

/// An error of that type.
pub(super) fn of(status: u16, error_type: &str, field: Option<&str>, message: &str) -> Answer {
    let mut error = json!({"errorType": error_type, "message": message});
    if let Some(field) = field {
        error["fieldName"] = json!(field);
    }
    Answer::json(status, &json!({"errors": [error], "success": false}))
}

/// A parameter that is missing or has no value of the documented form.
pub(super) fn validation(field: &str) -> Answer {
    of(400, "validation", Some(field), &format!("Invalid value for parameter: {field}"))
}

pub(super) fn not_found() -> Answer {
    of(404, "not_found", Some("n/a"), "The API you are requesting could not be found.")
}
