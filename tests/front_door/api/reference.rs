//! The page at `/docs` shows the whole document, and needs nothing from elsewhere.

use std::collections::BTreeSet;

use reqwest::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};

use crate::harness::{Daemon, sandbox};

/// The values of an attribute.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let begin = format!(" {attribute}=\"");
    html.split(&begin).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn the_reference_shows_every_call_and_type_and_loads_nothing_from_elsewhere() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let document = daemon.app.get("/openapi.json").await;
    let answer = daemon.app.client.get(format!("{}/docs", daemon.address)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
    let policy = answer.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    let html = String::from_utf8(answer.bytes().await.unwrap().to_vec()).unwrap();

    let all = values(&html, "id");
    let ids: BTreeSet<_> = all.iter().copied().collect();
    assert_eq!(ids.len(), all.len(), "an id stands there twice");
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, said) in methods.as_object().unwrap() {
            let id = said["operationId"].as_str().unwrap();
            assert!(ids.contains(id), "{id}");
            let line = format!("<b>{}</b> {path}</code>", method.to_uppercase());
            assert!(html.contains(&line), "{line}");
        }
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(ids.contains(&*format!("type-{name}")), "{name}");
    }
    for link in values(&html, "href").into_iter().chain(values(&html, "src")) {
        match link.strip_prefix('#') {
            Some(id) => assert!(ids.contains(id), "{link} leads nowhere"),
            None => assert!(link.starts_with('/') || link == "data:,", "{link}"),
        }
    }
    for forbidden in [" style=", "<style", "<script>", " onclick="] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    // The commands work as they stand there.
    let command =
        format!("curl -H &quot;Authorization: Bearer $KEY&quot; {}/v1/kinds", daemon.address);
    let command = command.replace("&quot;", "&#34;");
    assert!(html.contains(&command), "{command}");
    for asset in values(&html, "href").into_iter().filter(|link| link.starts_with("/assets/")) {
        let address = format!("{}{asset}", daemon.address);
        assert_eq!(daemon.app.client.get(address).send().await.unwrap().status(), 200, "{asset}");
    }
}
