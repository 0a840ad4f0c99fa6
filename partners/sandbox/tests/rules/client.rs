//! A small HTTP client that exposes what a full one hides, and the steps that many tests begin
//! with.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use partner_sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;

pub(crate) const CALLBACK: &str = "http://127.0.0.1:9/callback?from=here";

/// 1 October 2026, noon UTC.
pub(crate) const START: i64 = 1_790_856_000;

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        match self.header("content-type") {
            Some(kind) if kind.contains("ISO-8859-1") => {
                self.body.iter().map(|byte| char::from(*byte)).collect()
            }
            _ => String::from_utf8(self.body.clone()).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        let text = self.text();
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{error} in {} {text}", self.status))
    }
}

pub(crate) fn send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Reply> {
    send_within(Duration::from_secs(10), method, url, headers, body)
}

/// Fails when nothing arrives for that long.
pub(crate) fn send_within(
    patience: Duration,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Reply> {
    let url = Url::parse(url).unwrap();
    let mut stream = TcpStream::connect((url.host_str().unwrap(), url.port().unwrap()))?;
    stream.set_read_timeout(Some(patience))?;
    let target = url
        .query()
        .map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let mut text =
        format!("{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", url.authority());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(text.as_bytes())?;

    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let status = line.split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
    if method != "HEAD" {
        reader.read_exact(&mut body)?;
    }
    Ok(Reply { status, headers, body })
}

pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

pub(crate) fn post_form(url: &str, pairs: &[(&str, &str)]) -> Reply {
    send("POST", url, &[("Content-Type", "application/x-www-form-urlencoded")], &form(pairs))
        .unwrap()
}

pub(crate) fn sandbox() -> Sandbox {
    Sandbox::start(options()).unwrap()
}

/// No limits and no refusal of equal calls, for tests of other things.
pub(crate) fn relaxed() -> Sandbox {
    Sandbox::start(Options { unlimited: true, ..options() }).unwrap()
}

pub(crate) fn options() -> Options {
    Options { seed: 7, start: Some(START), accounts: 4, ..Options::default() }
}

pub(crate) fn authorize_url(sandbox: &Sandbox, partner: &str) -> String {
    let query = form(&[
        ("response_type", "code"),
        ("client_id", sandbox.client_id(partner)),
        ("scope", "user.metrics,user.activity"),
        ("redirect_uri", CALLBACK),
        ("state", "st&te"),
    ]);
    format!("{}?{query}", sandbox.urls(partner).authorize_url)
}

/// The parameters of the redirect.
pub(crate) fn returned(reply: &Reply) -> Vec<(String, String)> {
    assert_eq!(reply.status, 302, "{}", reply.text());
    let location = Url::parse(reply.header("location").unwrap()).unwrap();
    location.query_pairs().map(|(name, value)| (name.into(), value.into())).collect()
}

pub(crate) fn code(sandbox: &Sandbox, partner: &str, account: &str) -> String {
    let reply =
        post_form(&authorize_url(sandbox, partner), &[("account", account), ("decision", "allow")]);
    returned(&reply).into_iter().find(|(name, _)| name == "code").unwrap().1
}

/// The body of a successful Withings answer.
pub(crate) fn good(answer: &Value) -> &Value {
    assert_eq!(answer["status"], json!(0), "{answer}");
    &answer["body"]
}

pub(crate) fn exchange(sandbox: &Sandbox, code: &str) -> Value {
    post_form(
        &sandbox.urls("withings").token_url,
        &[
            ("action", "requesttoken"),
            ("grant_type", "authorization_code"),
            ("client_id", sandbox.client_id("withings")),
            ("client_secret", sandbox.client_secret("withings")),
            ("code", code),
            ("redirect_uri", CALLBACK),
        ],
    )
    .json()
}

pub(crate) fn refresh(sandbox: &Sandbox, token: &str) -> Value {
    post_form(
        &sandbox.urls("withings").token_url,
        &[
            ("action", "requesttoken"),
            ("grant_type", "refresh_token"),
            ("client_id", sandbox.client_id("withings")),
            ("client_secret", sandbox.client_secret("withings")),
            ("refresh_token", token),
        ],
    )
    .json()
}

/// A Withings data call.
pub(crate) fn call(sandbox: &Sandbox, path: &str, token: &str, pairs: &[(&str, &str)]) -> Reply {
    let url = format!("{}{path}", sandbox.urls("withings").api_url);
    let bearer = format!("Bearer {token}");
    let headers =
        [("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", bearer.as_str())];
    send("POST", &url, &headers, &form(pairs)).unwrap()
}

/// A RunKeeper data call with that vendor type.
pub(crate) fn read(sandbox: &Sandbox, path: &str, token: &str, name: &str) -> Reply {
    let url = format!("{}{path}", sandbox.urls("runkeeper").api_url);
    let (bearer, accept) =
        (format!("Bearer {token}"), format!("application/vnd.com.runkeeper.{name}+json"));
    send("GET", &url, &[("Authorization", bearer.as_str()), ("Accept", accept.as_str())], "")
        .unwrap()
}

/// An access token from the control handle.
pub(crate) fn token(sandbox: &Sandbox, partner: &str, account: &str) -> String {
    sandbox.control().issue_tokens(partner, account).unwrap().access_token
}
