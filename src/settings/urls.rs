//! URLs in the settings.

use url::{Host, Url};

/// Returns `text` without a trailing slash if it is a permitted URL: https, or http on loopback.
///
/// # Errors
/// What is wrong, naming `key`.
pub fn checked_url(key: &str, text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| format!("{key} = \"{text}\": {error}"))?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => {
            return Err(format!(
                "{key} = \"{text}\": plain http is allowed for loopback only; use https"
            ));
        }
        _ => return Err(format!("{key} = \"{text}\": use an https address")),
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
            ("api.example.com", "relative URL"),
            ("http://127.0.0.1.example.com", "loopback only"),
        ] {
            let error = checked_url("partners.x.api_url", bad).unwrap_err();
            assert!(error.contains(why) && error.contains("partners.x.api_url"), "{error}");
        }
    }
}
