//! Vendor media types: requested in `Accept`, answered with irregular spelling.

use serde::Serialize;
use serde_json::Value;

use crate::call::{Answer, Call};
use crate::partner::Desk;

const PREFIX: &str = "application/vnd.com.runkeeper.";

/// Whether the resource's own type is accepted. A wildcard is not enough.
pub(super) fn accepts(call: &Call<'_>, name: &str) -> bool {
    let wanted = format!("{PREFIX}{name}+json");
    call.accept.unwrap_or_default().split(',').any(|offer| {
        let offer = offer.split(';').next().unwrap_or_default();
        offer.trim().eq_ignore_ascii_case(&wanted)
    })
}

/// Whether the body is of that type.
pub(super) fn is_sent(call: &Call<'_>, name: &str) -> bool {
    let sent = call.content_type.unwrap_or_default().split(';').next().unwrap_or_default();
    sent.trim().eq_ignore_ascii_case(&format!("{PREFIX}{name}+json"))
}

/// An answer of that type. Every third one comes in lower case and in Latin-1, as seen at the real
/// service.
pub(super) fn answer(desk: &Desk<'_>, name: &str, body: &impl Serialize) -> Answer {
    let text = serde_json::to_string(body).unwrap_or_default();
    if desk.state.counts.calls.is_multiple_of(3)
        && let Some(latin) =
            text.chars().map(|letter| u8::try_from(letter).ok()).collect::<Option<Vec<u8>>>()
    {
        let content_type = format!("{PREFIX}{name}+json;charset=ISO-8859-1").to_ascii_lowercase();
        return Answer::new(200, content_type.replace("iso-8859-1", "ISO-8859-1"), latin);
    }
    Answer::new(200, format!("{PREFIX}{name}+json"), text)
}

/// The only structured error.
pub(super) fn error(status: u16, body: &Value) -> Answer {
    Answer::new(status, format!("{PREFIX}ErrorMessage+json"), body.to_string())
}
