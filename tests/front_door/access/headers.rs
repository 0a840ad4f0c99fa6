//! Strict headers on every answer.

use reqwest::header::{COOKIE, HeaderMap, SET_COOKIE};
use reqwest::{Client, Method};

use super::page_addresses;
use crate::harness::{Daemon, sandbox};

/// What is wrong with the headers of an answer.
fn mistakes(headers: &HeaderMap, path: &str, is_https: bool) -> Vec<String> {
    let value = |name: &str| {
        let mut all = headers.get_all(name).iter().map(|it| it.to_str().unwrap());
        (all.next().unwrap_or_default().to_owned(), all.next().is_some())
    };
    let mut wrong = Vec::new();
    let mut expect = |name: &str, is_right: &dyn Fn(&str) -> bool| {
        let (said, twice) = value(name);
        if twice || !is_right(&said) {
            wrong.push(format!("{path}: {name}: {said:?}"));
        }
    };
    let is_public = path.starts_with("/admin/assets/") || path.starts_with("/connect/assets/");
    let is_embedded = path.starts_with("/connect/") || path.starts_with("/oauth/");
    expect("x-content-type-options", &|it| it == "nosniff");
    expect("content-security-policy", &|it| {
        it.starts_with("default-src 'none'")
            && (it.contains("frame-ancestors") || is_public)
            && !it.contains("unsafe")
            && !it.contains('*')
    });
    expect("referrer-policy", &|it| ["no-referrer", "same-origin"].contains(&it));
    expect("permissions-policy", &|it| it.contains("camera=()"));
    expect("cross-origin-opener-policy", &|it| {
        it == if is_embedded { "unsafe-none" } else { "same-origin" }
    });
    expect("cross-origin-resource-policy", &|it| {
        it == if is_embedded { "cross-origin" } else { "same-origin" }
    });
    expect("strict-transport-security", &|it| it.starts_with("max-age=63") == is_https);
    expect("cache-control", &|it| it == "no-store" || it.contains("max-age"));
    wrong
}

async fn walk(daemon: &Daemon, is_https: bool) -> Vec<String> {
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let document = daemon.app.get("/openapi.json").await;
    let mut calls = page_addresses();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace("{partner}", "withings").replace("{user}", "ann");
        let path = path.replace("{id}", "x").replace("{app_id}", "x").replace("{secret}", "x");
        let methods = item.as_object().unwrap().keys();
        calls.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
    }
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/admin/none"),
        ("GET", "/admin/assets/none"),
        ("PUT", "/admin"),
        ("OPTIONS", "/v1/partners"),
        ("GET", "/v1/users/%ff/records"),
        ("GET", "/connect/none/none"),
    ] {
        calls.push((method.to_owned(), path.to_owned()));
    }
    let cookie = if is_https { String::new() } else { daemon.sign_in().await.cookie };
    let mut wrong = Vec::new();
    for (method, path) in calls {
        for (key, cookie) in [("", ""), (daemon.admin.key.as_str(), cookie.as_str())] {
            let method: Method = method.parse().unwrap();
            let request = client.request(method.clone(), format!("{}{path}", daemon.address));
            let sent = request.bearer_auth(key).header(COOKIE, cookie).send().await.unwrap();
            let found = mistakes(sent.headers(), &path, is_https);
            wrong.extend(found.into_iter().map(|it| format!("{method} {} {it}", sent.status())));
        }
    }
    wrong
}

#[tokio::test]
async fn every_answer_has_strict_headers() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let wrong = walk(&daemon, false).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn where_there_is_https_browsers_keep_to_it() {
    let public = ("SYNCWELL__SERVER__PUBLIC_URL", "https://sync.example.com");
    let daemon = Daemon::start_with(&sandbox(), "", &[public]).await;
    let wrong = walk(&daemon, true).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let client = partner_sdk::http_client().unwrap();
    let form = [("key", daemon.admin.key.as_str()), ("next", "/admin")];
    let sent = client.post(format!("{}/admin/sign-in", daemon.address)).form(&form).send().await;
    let cookie = sent.unwrap().headers()[SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-syncwell_admin="), "{cookie}");
    for part in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part) && !cookie.contains("Domain"), "{cookie}");
    }
}
