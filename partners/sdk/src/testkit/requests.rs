//! Compares the calls of a partner with those of a fixture.

use super::server::{API_URL, Received};

/// Checks that exactly these calls were made, each of which contains its text.
pub(super) fn are_as_documented(received: &[Received], texts: &[String]) -> Result<(), String> {
    let sent: Vec<String> = received.iter().map(sent).collect();
    if sent.len() != texts.len() {
        let (made, expected) = (sent.len(), texts.len());
        return Err(format!("{made} calls were made instead of {expected}: {sent:?}"));
    }
    match sent.iter().zip(texts).find(|(sent, text)| !holds(sent, text)) {
        Some((sent, text)) => Err(format!("expected a call that holds {text:?}, got {sent}")),
        None => Ok(()),
    }
}

/// A call in the form that fixtures use.
fn sent(request: &Received) -> String {
    let path = request.target.strip_prefix(API_URL).unwrap_or(&request.target);
    let parts = [&request.method, path, request.header("content-type").unwrap_or_default()];
    let parts = parts.into_iter().chain([request.body.as_str()]);
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether `sent` contains the pieces of `text` between "…", in this order.
fn holds(sent: &str, text: &str) -> bool {
    text.split('…').try_fold(sent, |rest, piece| Some(rest.split_once(piece)?.1)).is_some()
}
