//! The conventions of every call: the format, lists, and failures.

use partner_sdk::serde_json::Value;
use partner_sdk::{LimitScope, Number, PartnerError, Reply, Session};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// API reference, "format": XML unless JSON is asked for.
const JSON: (&str, &str) = ("format", "json");

/// Reads one day or one month of a resource at `path`.
pub(crate) async fn read<T: DeserializeOwned>(
    session: &Session,
    path: &str,
    day: i64,
) -> Result<T, PartnerError> {
    let day = day.to_string();
    let reply = session.get(path).query(&[("date", day.as_str()), JSON]).send().await?;
    match error_code(&reply) {
        Some(code) => Err(PartnerError::Malformed(format!("FatSecret error {code}").into())),
        None => reply.json(),
    }
}

/// Reads the days of a month that have entries, at `path`; the days are not decoded yet.
pub(crate) async fn read_month(
    session: &Session,
    path: &str,
    first: i64,
) -> Result<Vec<Value>, PartnerError> {
    #[derive(Deserialize)]
    struct Answer {
        month: Month,
    }
    #[derive(Deserialize)]
    struct Month {
        /// Required: an answer without it is no month, and without days it would mean that all of
        /// them were deleted.
        #[serde(rename = "from_date_int")]
        _from_date_int: Value,
        #[serde(default)]
        day: Value,
    }
    let answer: Answer = read(session, path, first).await?;
    Ok(list(answer.month.day))
}

/// Sends a write by the method's name (API reference, "Method-based integration"). Errors about
/// parameters concern the record: the parameters sent always have the documented form.
pub(crate) async fn write(
    session: &Session,
    method: &str,
    parameters: &[(&str, String)],
) -> Result<(), PartnerError> {
    let mut form = vec![("method", method.to_owned()), (JSON.0, JSON.1.to_owned())];
    form.extend_from_slice(parameters);
    let reply = session.post("/rest/server.api").form(&form).write().await?;
    match error_code(&reply) {
        // Only the goal and the height, which the first weight requires, are left out.
        Some(101) => Err(PartnerError::Rejected(
            "FatSecret wants the first weight to be entered at FatSecret itself".into(),
        )),
        Some(code) => {
            Err(PartnerError::Rejected(format!("FatSecret does not take it (error {code})").into()))
        }
        None if reply.json::<Value>()?.get("success").is_some() => Ok(()),
        None => Err(PartnerError::Malformed("the answer tells of no success".into())),
    }
}

/// Returns the elements of a list. Seen in the field: a single element comes without an array, an
/// empty list as null or not at all.
pub(crate) fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Object(fields) if fields.is_empty() => Vec::new(),
        Value::Array(items) => items,
        item => vec![item],
    }
}

/// What a failure means that does not depend on the request (API reference, "Error codes": below
/// 100). It comes as HTTP 200; other statuses are left to the general rules.
pub(crate) fn read_error(reply: &Reply) -> Option<PartnerError> {
    if !(200..300).contains(&reply.status) {
        return None;
    }
    meaning(error_code(reply)?, &reply.text().to_lowercase())
}

/// What a failed token call means, whatever its status. How it fails is not documented: here its
/// error is recognised by the code of other calls, or by the text of such a code ("Error codes").
pub(crate) fn read_token_error(reply: &Reply) -> Option<PartnerError> {
    let text = reply.text().trim().to_lowercase();
    if let Some(code) = error_code(reply) {
        return meaning(code, &text);
    }
    match text.as_str() {
        "invalid consumer key" => meaning(5, &text),
        "invalid/expired timestamp" => meaning(6, &text),
        "invalid/used nonce" => meaning(7, &text),
        "invalid signature" => meaning(8, &text),
        "invalid access token" | "invalid request token" | "invalid verifier" => {
            Some(PartnerError::Unauthorized("the token or its verifier is not valid".into()))
        }
        _ => None,
    }
}

fn meaning(code: i64, text: &str) -> Option<PartnerError> {
    if code >= 100 {
        return None;
    }
    let malformed = |why: &str| PartnerError::Malformed(format!("{why} (error {code})").into());
    Some(match code {
        1 => PartnerError::Transient("FatSecret tells of an unknown error (error 1)".into()),
        5 | 8 => malformed(
            "FatSecret does not accept the signature; check client_id and client_secret",
        ),
        6 => PartnerError::Transient(
            "FatSecret does not accept the timestamp; check this machine's clock, and that nothing else uses the same client_id (error 6)".into(),
        ),
        7 => PartnerError::Transient("FatSecret has seen the nonce before (error 7)".into()),
        9 => PartnerError::Unauthorized("the user has taken the access back (error 9)".into()),
        11 => PartnerError::RateLimited { scope: LimitScope::App, wait: None },
        12 => PartnerError::RateLimited { scope: LimitScope::Connection, wait: None },
        // A text that contradicts its number: what the answer means is not known.
        14 if text.contains("unknown error") => {
            PartnerError::Transient("FatSecret tells of an unknown error (error 14)".into())
        }
        14 => PartnerError::MissingScope("the application lacks the permission (error 14)".into()),
        20..=22 => malformed("FatSecret does not let this application or its address in"),
        _ => malformed("FatSecret does not accept the call"),
    })
}

/// Returns the error code, if the answer is an error. Seen in the field: a number or a text.
fn error_code(reply: &Reply) -> Option<i64> {
    #[derive(Deserialize)]
    struct Failure {
        error: Problem,
    }
    #[derive(Deserialize)]
    struct Problem {
        #[serde(default)]
        code: Value,
    }
    let Failure { error } = reply.json().ok()?;
    // An error without a readable code counts as unknown.
    let code = Number::deserialize(error.code).ok().and_then(Number::round);
    Some(code.unwrap_or(1))
}
