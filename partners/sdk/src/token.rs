//! Responses to token calls: the tokens of a success, the error that a failure names.
//!
//! A failed token call may end a connection, so only the error that the partner names decides what
//! it means, whatever the HTTP status. Anything else, such as a firewall's page with status 400 or
//! a 401 without a body, says nothing about the grant and is an outage.

use serde_json::{Map, Value};

use crate::error::PartnerError;
use crate::http::Reply;
use crate::manifest::Auth;
use crate::number::Number;
use crate::partner::Partner;

/// Reads the response to a token call with [`Partner::token_reply`] and returns the fields that
/// have a usable value. The daemon reads every token response this way.
///
/// `access_token` (OAuth 1.0a: `oauth_token` and `oauth_token_secret`) is a text that is not empty.
/// No token is longer than 64 KiB or has a control character.
/// `refresh_token`, `scope`, `token_type` and `expires_in` are left out if they are empty, null or
/// of another type; `expires_in` is a whole number of seconds above 0. Other fields are unchanged.
///
/// # Errors
/// What the partner's error means, or that there is no access token. A web page is always
/// [`PartnerError::Transient`] or, with status 429, [`PartnerError::RateLimited`].
pub fn read_token_reply(
    partner: &dyn Partner,
    reply: &Reply,
) -> Result<Map<String, Value>, PartnerError> {
    if reply.begins_with_tag() {
        reply.check_token()?;
        return Err(page());
    }
    let Value::Object(mut fields) = partner.token_reply(reply)? else {
        return Err(PartnerError::Malformed("the token answer is not a JSON object".into()));
    };
    let required: &[&str] = match partner.manifest().auth {
        Auth::OAuth2(_) => &["access_token"],
        Auth::OAuth1(_) => &["oauth_token", "oauth_token_secret"],
    };
    if !required.iter().all(|name| has_text(&fields, name)) {
        return Err(PartnerError::Malformed(no_token(partner).into()));
    }
    check_tokens(partner, &fields)?;
    for name in ["refresh_token", "scope", "token_type"] {
        if !has_text(&fields, name) {
            fields.remove(name);
        }
    }
    // RFC 6749 §5.1 requires a number; some partners send it as text or with a fraction.
    let lifetime = fields.remove("expires_in");
    let number = lifetime.and_then(|lifetime| serde_json::from_value::<Number>(lifetime).ok());
    if let Some(seconds) = number.and_then(Number::round).filter(|seconds| *seconds > 0) {
        fields.insert("expires_in".into(), seconds.into());
    }
    Ok(fields)
}

fn no_token(partner: &dyn Partner) -> &'static str {
    match partner.manifest().auth {
        Auth::OAuth2(_) => "the token answer has no access token",
        Auth::OAuth1(_) => "the token answer has no token and secret",
    }
}

/// The longest token in bytes. It is stored, and is sent with every call.
const LONGEST_TOKEN: usize = 64 * 1024;

/// Refuses tokens that no call could send: a connection that is made with them would fail at its
/// first sync, and nobody would look for the reason at the token address.
fn check_tokens(partner: &dyn Partner, fields: &Map<String, Value>) -> Result<(), PartnerError> {
    let is_bearer = matches!(partner.manifest().auth, Auth::OAuth2(_));
    for (name, title) in [
        ("access_token", "access token"),
        ("refresh_token", "refresh token"),
        ("oauth_token", "token"),
        ("oauth_token_secret", "token secret"),
    ] {
        let Some(token) = fields.get(name).and_then(Value::as_str) else { continue };
        // An access token is a header's value (RFC 6749 appendix A.12); the others are encoded.
        let is_header = is_bearer && name == "access_token";
        let why = if token.len() > LONGEST_TOKEN {
            "is longer than 64 KiB"
        } else if token.chars().any(char::is_control) {
            "has a control character"
        } else if is_header && !token.is_ascii() {
            "has a letter that a header cannot have"
        } else {
            continue;
        };
        return Err(PartnerError::Malformed(format!("the {title} that it issued {why}").into()));
    }
    Ok(())
}

fn has_text(fields: &Map<String, Value>, name: &str) -> bool {
    fields.get(name).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty())
}

fn page() -> PartnerError {
    PartnerError::Transient("it answered with a web page instead of data".into())
}

fn client_not_accepted() -> PartnerError {
    PartnerError::Malformed(
        "the client id or secret is not accepted; check client_id and client_secret".into(),
    )
}

/// What an error says that is known by a name which is not defined: about an outage or a limit the
/// status says enough.
fn unknown_error(reply: &Reply) -> PartnerError {
    match reply.status {
        408 | 425 | 429 | 500.. => reply.check_token().err(),
        _ => None,
    }
    .unwrap_or(PartnerError::Malformed("the token request was not accepted".into()))
}

/// Reads a token response by RFC 6749: §5.1 on success; on failure the `error` of §5.2, whatever
/// the status. `invalid_grant` is [`PartnerError::Unauthorized`], `invalid_client` is
/// [`PartnerError::Malformed`]. A failure that names no error is [`PartnerError::Transient`].
///
/// # Errors
/// Any response that is not a success.
pub fn standard_token_reply(reply: &Reply) -> Result<Value, PartnerError> {
    let body = reply.json::<Value>();
    let error = body.as_ref().ok().and_then(|body| body.get("error")).and_then(Value::as_str);
    match error.unwrap_or_default() {
        "" => {}
        "invalid_grant" => {
            return Err(PartnerError::Unauthorized(
                "the code or refresh token is not valid any more".into(),
            ));
        }
        "invalid_client" | "unauthorized_client" => return Err(client_not_accepted()),
        "temporarily_unavailable" | "server_error" => {
            return Err(PartnerError::Transient("the token address reports an outage".into()));
        }
        _ => return Err(unknown_error(reply)),
    }
    reply.check_token()?;
    body
}

/// Reads a token response by RFC 5849 §2.1 and §2.3: a form with a token and its secret. On failure
/// the `oauth_problem` of the "problem reporting" extension decides, whatever the status. A failure
/// that names no problem is [`PartnerError::Transient`].
///
/// # Errors
/// Any response that is not a success.
pub fn form_token_reply(reply: &Reply) -> Result<Value, PartnerError> {
    let form: Map<String, Value> = url::form_urlencoded::parse(&reply.body)
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect();
    match form.get("oauth_problem").and_then(Value::as_str).unwrap_or_default() {
        "" => {}
        "token_used"
        | "token_expired"
        | "token_revoked"
        | "token_rejected"
        | "token_not_authorized"
        | "verifier_invalid"
        | "permission_unknown"
        | "permission_denied"
        | "additional_authorization_required" => {
            return Err(PartnerError::Unauthorized(
                "the token or its verifier is not valid".into(),
            ));
        }
        "user_refused" => {
            return Err(PartnerError::Unauthorized("the user has refused the access".into()));
        }
        problem if problem.starts_with("consumer_key") || problem == "signature_invalid" => {
            return Err(client_not_accepted());
        }
        _ => return Err(unknown_error(reply)),
    }
    reply.check_token()?;
    if has_text(&form, "oauth_token") && has_text(&form, "oauth_token_secret") {
        return Ok(Value::Object(form));
    }
    if reply.is_markup() {
        return Err(page());
    }
    Err(PartnerError::Malformed("the token answer has no token and secret".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HeaderMap;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, headers: HeaderMap::new(), body: body.to_owned().into() }
    }

    #[test]
    fn the_named_error_decides_whatever_the_status() {
        for status in [200, 400, 401, 403, 429, 500, 503] {
            let dead = standard_token_reply(&reply(status, r#"{"error":"invalid_grant"}"#));
            assert!(matches!(dead, Err(PartnerError::Unauthorized(_))), "{status}: {dead:?}");
            let ours = standard_token_reply(&reply(status, r#"{"error":"invalid_client"}"#));
            assert!(matches!(ours, Err(PartnerError::Malformed(_))), "{status}: {ours:?}");
            let dead = form_token_reply(&reply(status, "oauth_problem=token_revoked"));
            assert!(matches!(dead, Err(PartnerError::Unauthorized(_))), "{status}: {dead:?}");
        }
    }

    #[test]
    fn where_no_error_is_named_nothing_is_known() {
        for status in [301, 400, 401, 403, 404, 410, 500, 503] {
            for body in [
                "",
                "{}",
                r#"{"error":""}"#,
                r#"{"error":null}"#,
                r#"{"error":{"code":401}}"#,
                r#""invalid_grant""#,
                "invalid_grant",
                "<HTML><H1>Error 400: invalid_grant</H1></HTML>",
            ] {
                for read in [standard_token_reply, form_token_reply] {
                    let failed = read(&reply(status, body));
                    let transient = matches!(failed, Err(PartnerError::Transient(_)));
                    assert!(transient, "{status} {body}: {failed:?}");
                }
            }
        }
        let limited = standard_token_reply(&reply(429, "{}"));
        assert!(matches!(limited, Err(PartnerError::RateLimited { .. })), "{limited:?}");
    }

    #[test]
    fn an_error_of_another_name_is_ours_unless_the_status_is_of_an_outage() {
        let named = |status| standard_token_reply(&reply(status, r#"{"error":"invalid_scope"}"#));
        assert!(matches!(named(400), Err(PartnerError::Malformed(_))));
        assert!(matches!(named(503), Err(PartnerError::Transient(_))));
        assert!(matches!(named(429), Err(PartnerError::RateLimited { .. })));
    }
}
