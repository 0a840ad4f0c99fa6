//! The conventions of every call: media types, character sets and failures.

use std::time::Duration;

use partner_sdk::serde_json::{Map, Value};
use partner_sdk::{Call, HeaderMap, LimitScope, PartnerError, Reply, Session, header};

/// A GET of a resource. Health Graph documentation: each resource has its own media type; without
/// it the answer is 406.
pub(crate) fn get(session: &Session, path: &str, resource: &str) -> Call {
    session.get(path).accept(&media_type(resource)).header(header::ACCEPT_CHARSET, "UTF-8")
}

fn media_type(resource: &str) -> String {
    format!("application/vnd.com.runkeeper.{resource}+json")
}

/// A call with a body of this media type, in ASCII: the character set cannot be declared, and
/// answers are not always UTF-8.
pub(crate) fn with_body(call: Call, resource: &str, body: &Map<String, Value>) -> Call {
    let mut ascii = String::new();
    for character in Value::from(body.clone()).to_string().chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    let call = call.raw(HeaderMap::new(), ascii.into_bytes());
    any(call.header(header::CONTENT_TYPE, &media_type(resource)))
}

/// Accepts any media type. Seen in the field: clients that write do the same.
pub(crate) fn any(call: Call) -> Call {
    call.accept("*/*")
}

/// Returns the answer in UTF-8. Seen in the field: some come in ISO-8859-1 whatever was requested,
/// and the content type says so.
pub(crate) fn in_utf8(reply: Reply) -> Reply {
    if !declares_latin_1(&reply) {
        return reply;
    }
    // The first 256 characters of Unicode are those of ISO-8859-1.
    let text: String = reply.body.iter().copied().map(char::from).collect();
    Reply { body: text.into(), ..reply }
}

fn declares_latin_1(reply: &Reply) -> bool {
    let content_type = reply.headers.get(header::CONTENT_TYPE);
    let declared = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    declared.to_ascii_lowercase().split(';').any(|parameter| {
        let charset = parameter.trim().strip_prefix("charset=").unwrap_or_default();
        matches!(charset.trim_matches('"'), "iso-8859-1" | "latin1")
    })
}

/// What an answer means. Health Graph documentation, "Errors": only 403 has a body with details;
/// other statuses are left to the general rules.
pub(crate) fn read_error(reply: &Reply) -> Option<PartnerError> {
    match reply.status {
        403 => read_forbidden(reply),
        429 => Some(read_limit(reply)),
        _ => None,
    }
}

fn read_forbidden(reply: &Reply) -> Option<PartnerError> {
    let message: Value = reply.json().ok()?;
    match message.get("reason")?.as_str()?.to_lowercase().as_str() {
        "revoked" => Some(PartnerError::Unauthorized("the user has revoked the access".into())),
        "insufficient permission" => Some(PartnerError::MissingScope(
            "the application's registration lacks the permission".into(),
        )),
        _ => None,
    }
}

/// Seen in the field: 429 gives the wait in plain text, and the limit of one user names the user.
fn read_limit(reply: &Reply) -> PartnerError {
    let text = reply.text().to_lowercase();
    let scope = if text.contains("user") { LimitScope::Connection } else { LimitScope::App };
    PartnerError::RateLimited { scope, wait: wait_in(&text).or_else(|| reply.retry_after()) }
}

/// The first "12 minutes" or the like in `text`.
fn wait_in(text: &str) -> Option<Duration> {
    let words: Vec<&str> = text
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|it| !it.is_empty())
        .collect();
    words.windows(2).find_map(|pair| {
        let [count, unit] = pair else { return None };
        let seconds = match unit.trim_end_matches('s') {
            "second" => 1,
            "minute" => 60,
            "hour" => 60 * 60,
            "day" => 24 * 60 * 60,
            _ => return None,
        };
        count.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
    })
}

/// Returns the path and query of an address in an answer, below the API's address. Health Graph
/// documentation: it is relative. An absolute address is accepted if it is the API's own; the
/// user's token is sent nowhere else.
pub(crate) fn path_below(api_url: &str, named: &str) -> Result<String, PartnerError> {
    let path = named.strip_prefix(api_url).unwrap_or(named);
    // Behind a gateway the path may begin with the gateway's path.
    let below_host = api_url.splitn(4, '/').nth(3).filter(|base| !base.is_empty());
    let base = below_host.map(|base| format!("/{base}"));
    let path = match base.as_deref().and_then(|base| path.strip_prefix(base)) {
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    };
    let path = path.split('#').next().unwrap_or_default();
    let stays =
        path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\r', '\n']);
    if stays && !path.contains("/..") {
        Ok(path.to_owned())
    } else {
        Err(PartnerError::Malformed("an address in the answer is not below that of the API".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, content_type: &str, body: &[u8]) -> Reply {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        Reply { status, headers, body: body.to_vec().into() }
    }

    #[test]
    fn the_wait_is_read_out_of_the_text() {
        for (text, seconds) in [
            ("rate limit exceeded. try again in 45 seconds.", Some(45)),
            ("wait 1 minute", Some(60)),
            ("too many requests (2 hours)", Some(7_200)),
            ("retry after 1 day", Some(86_400)),
            ("slow down", None),
            ("wait 99999999999999999999 days", None),
            ("wait 18446744073709551615 days", None),
            ("", None),
        ] {
            assert_eq!(wait_in(text), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn a_limit_that_names_the_user_concerns_one_connection() {
        for (text, expected) in [
            (&b"User rate limit, wait 15 minutes"[..], LimitScope::Connection),
            (&b"Application rate limit, wait 15 minutes"[..], LimitScope::App),
        ] {
            let Some(PartnerError::RateLimited { scope, .. }) =
                read_error(&reply(429, "text/plain", text))
            else {
                panic!("429 is a limit");
            };
            assert_eq!(scope, expected);
        }
    }

    #[test]
    fn latin_1_is_decoded_where_it_is_declared() {
        let body = b"{\"name\":\"K\xf6ttbullar\"}";
        let vendor = "application/vnd.com.runkeeper.nutritionsetfeed+json;charset=";
        for (charset, expected) in [("ISO-8859-1", true), ("utf-8", false)] {
            let reply = reply(200, &format!("{vendor}{charset}"), body);
            assert_eq!(in_utf8(reply).text().contains("Köttbullar"), expected);
        }
    }

    #[test]
    fn an_address_is_below_that_of_the_api_or_an_error() {
        let api = "https://api.runkeeper.com";
        for named in
            ["/weight?page=1", "https://api.runkeeper.com/weight?page=1", "/weight?page=1#x"]
        {
            assert_eq!(path_below(api, named).unwrap(), "/weight?page=1");
        }
        for named in [
            "https://api.runkeeper.com.example.net/weight",
            "https://api.runkeeper.com@example.net/weight",
            "http://api.runkeeper.com/weight",
            "//example.net/weight",
            "/../weight",
            "weight?page=1",
            "/\\example.net",
        ] {
            assert!(path_below(api, named).is_err(), "{named}");
        }
    }
}
