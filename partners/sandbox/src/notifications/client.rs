//! Calls to the application's callback address, never beyond this machine.

use std::net::IpAddr;
use std::sync::Once;
use std::time::Duration;

use reqwest::{Client, Method, redirect};
use url::{Host, Url};

/// Nobody answers a notification with more.
const MOST_BYTES: usize = 64 * 1024;

/// A call to a callback address.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
    /// How long the whole answer may take.
    pub(crate) time_limit: Duration,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answer { status: u16, body: Vec<u8> },
    TimedOut,
    Failed(String),
}

impl Outcome {
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Answer { status, .. } => Some(*status),
            Self::TimedOut | Self::Failed(_) => None,
        }
    }

    /// In words, for whoever set the address.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Answer { status, .. } => format!("status {status}"),
            Self::TimedOut => "no answer in time".to_owned(),
            Self::Failed(reason) => reason.clone(),
        }
    }
}

/// Whether a text is an address that could be called.
pub(crate) fn is_web(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Whether an address is on this machine.
fn is_here(url: &str) -> bool {
    let host = Url::parse(url).ok().and_then(|url| url.host().map(|host| host.to_owned()));
    match host {
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Does the call.
pub(crate) async fn send(request: Request) -> Outcome {
    if !is_here(&request.url) {
        return Outcome::Failed("the sandbox calls addresses of this machine only".to_owned());
    }
    let Some(client) = client() else {
        return Outcome::Failed("no HTTP client could be made".to_owned());
    };
    let method = Method::from_bytes(request.method.as_bytes()).unwrap_or(Method::POST);
    let mut call = client.request(method, request.url).timeout(request.time_limit);
    for (name, value) in request.headers {
        call = call.header(name, value);
    }
    match answer(call.body(request.body)).await {
        Ok(heard) => heard,
        Err(error) if error.is_timeout() => Outcome::TimedOut,
        Err(error) if error.is_connect() => Outcome::Failed("nothing listens there".to_owned()),
        Err(error) => Outcome::Failed(error.without_url().to_string()),
    }
}

async fn answer(call: reqwest::RequestBuilder) -> Result<Outcome, reqwest::Error> {
    let mut response = call.send().await?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await? {
        body.extend_from_slice(&bytes);
        if body.len() > MOST_BYTES {
            break;
        }
    }
    Ok(Outcome::Answer { status, body })
}

/// Pooled connections live on the thread that opened them, so each thread has its own client.
fn client() -> Option<Client> {
    thread_local! {
        static CLIENT: Option<Client> = new_client();
    }
    CLIENT.with(Clone::clone)
}

fn new_client() -> Option<Client> {
    static CRYPTO: Once = Once::new();
    CRYPTO.call_once(|| {
        // Fails only when a provider is already installed, which works as well.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
    Client::builder().redirect(redirect::Policy::none()).tls_certs_only([]).no_proxy().build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_called() {
        for (url, here) in [
            ("http://127.0.0.1:8080/x?secret=1", true),
            ("http://[::1]:1/", true),
            ("http://localhost/", true),
            ("http://192.0.2.1/", false),
            ("https://example.com/127.0.0.1", false),
            ("http://localhost.example.com/", false),
            ("nonsense", false),
        ] {
            assert_eq!(is_here(url), here, "{url}");
        }
    }
}
