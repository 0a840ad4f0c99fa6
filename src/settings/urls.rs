//! URLs in the settings.

use url::{Host, Url};

/// Returns `text` without a trailing slash if it is a permitted base URL: https, or http on
/// loopback, to which paths can be appended.
///
/// # Errors
/// What is wrong, naming `key`.
pub fn checked_url(key: &str, text: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("{key} = \"{text}\": {why}"));
    // `sync.example.com:8080` is read as a URL whose scheme is the host's name.
    let Some(url) = Url::parse(text).ok().filter(|_| text.contains("://")) else {
        return wrong("it is not a URL; write e.g. https://sync.example.com");
    };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return wrong("plain http is allowed for loopback only; use https"),
        _ => return wrong("use an https address"),
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("paths are appended to it; remove what follows `?` or `#`");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{key}: remove the user and the password from the URL"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Whether a URL is on this machine's loopback interface.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_anywhere_and_http_on_loopback_are_addresses() {
        for good in [
            "https://api.example.com/v1/",
            "http://127.0.0.1:8080",
            "http://localhost/x",
            "http://[::1]:9",
        ] {
            assert_eq!(checked_url("k", good).unwrap(), good.trim_end_matches('/'));
        }
        for (bad, why) in [
            ("http://api.example.com", "loopback only"),
            ("ftp://127.0.0.1", "https"),
            ("api.example.com", "write e.g. https://"),
            ("api.example.com:8080", "write e.g. https://"),
            ("http://127.0.0.1.example.com", "loopback only"),
            ("https://api.example.com/?x=1", "remove what follows"),
            ("https://api.example.com/#x", "remove what follows"),
            ("https://ann:hush@api.example.com", "remove the user"),
        ] {
            let error = checked_url("partners.x.api_url", bad).unwrap_err();
            assert!(error.contains(why) && error.contains("partners.x.api_url"), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
