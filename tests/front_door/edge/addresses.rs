//! Addresses to which a browser would be sent.

use reqwest::header::LOCATION;
use reqwest::{Method, Url};
use serde_json::json;

use super::answer;
use crate::harness::{Daemon, sandbox};

const AUTHORIZE: &str = "/v1/users/ann/connections/withings/authorize";

/// Spellings of an address elsewhere, and of what is not an address of a page.
const ELSEWHERE: [&str; 44] = [
    "",
    " ",
    "//evil.example",
    "///evil.example",
    "\\\\evil.example",
    "/\\evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https://evil.example",
    "HTTPS://EVIL.EXAMPLE",
    "https://evil.example/https://app.example.com/health",
    "https://evil.example?https://app.example.com/health",
    "https://evil.example#https://app.example.com/health",
    "https://app.example.com.evil.example/health",
    "https://evilapp.example.com/health",
    "https://app.example.com@evil.example/health",
    "https://app.example.com:x@evil.example/health",
    "https://app.example.com%40evil.example/health",
    "https://app.example.com\\@evil.example/health",
    "https://app.example.com%2eevil.example/health",
    "https://app.example.com:8443/health",
    "http://app.example.com/health",
    "https://app.example.com/healthy",
    "https://app.example.com/health/../other",
    "https://app.example.com/health/%2e%2e/other",
    "https://app.example.com/health/%2E./other",
    "https://\u{430}pp.example.com/health",
    "https://app.example.com./health",
    "https://app.example.com\u{0}.evil.example/health",
    "https://app.ex\tample.com/health",
    "https://app.example.com/health\r\nLocation: https://evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    " javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "file:///etc/passwd",
    "blob:https://app.example.com/health",
    "ftp://app.example.com/health",
    "http://0.0.0.0/",
    "http://169.254.169.254/",
    "http://127.0.0.1.evil.example/",
    "http://127.0.0.1@evil.example/",
];

/// Spellings of allowed addresses.
const ALLOWED: [&str; 12] = [
    "https://app.example.com/health",
    "https://app.example.com/health/",
    "https://app.example.com/health/done?x=1",
    "https://APP.example.com/health?next=https://evil.example",
    "https://app.example.com/health?statuses=1&partners=2",
    "https://app.example.com:443/health#done",
    "https://app\u{3002}example\u{ff0e}com/health",
    "https://app.example.com/health/%0d%0aLocation:%20https://evil.example",
    "http://127.0.0.1:9/",
    "http://2130706433:9/",
    "http://[::1]:9/",
    "http://localhost:9/",
];

#[tokio::test]
async fn no_spelling_leads_a_browser_elsewhere() {
    let list = r#"["https://app.example.com/health/*"]"#;
    let environment = [("SYNCWELL__SERVER__RETURN_URLS", list)];
    let sandbox = sandbox();
    let daemon = Daemon::start_with(&sandbox, "", &environment).await;
    let app = &daemon.app;
    for url in ELSEWHERE {
        let body = json!({"return_url": url}).to_string();
        let (status, detail) = answer(app, ("POST", AUTHORIZE, body.as_bytes())).await;
        assert_eq!(status, 400, "{url:?}: {detail}");
        assert!(detail.contains("return_url"), "{url:?}: {detail}");
    }
    for url in ALLOWED {
        let begun = app.authorize("ann", "withings", &json!({"return_url": url}).to_string()).await;
        let back = app.decide(&begun, "ann", "deny").await;
        let ended = app.client.get(&back).send().await.unwrap();
        let location = ended.headers()[LOCATION].to_str().unwrap();
        let to = Url::parse(location).unwrap();
        let hosts = ["app.example.com", "127.0.0.1", "[::1]", "localhost"];
        assert!(hosts.contains(&to.host_str().unwrap()), "{url}: {location}");
        assert!(ended.headers().get_all(LOCATION).iter().count() == 1, "{url}");
        let statuses: Vec<_> = to.query_pairs().filter(|(name, _)| name == "status").collect();
        assert_eq!(statuses, [("status".into(), "denied".into())], "{url}: {location}");
    }
}

#[tokio::test]
async fn a_return_url_says_nothing_about_how_a_connect_ended() {
    let daemon = Daemon::start(&sandbox(), "").await;
    for (query, named) in [
        ("status=connected", "status"),
        ("x=1&status=connected", "status"),
        ("status", "status"),
        ("s%74atus=connected", "status"),
        ("STATUS=connected", "status"),
        ("status[]=connected", "status"),
        ("+status=connected", "status"),
        ("partner=strava", "partner"),
        ("x=1&Partner=strava#y", "partner"),
    ] {
        let body = json!({"return_url": format!("http://127.0.0.1:9/done?{query}")}).to_string();
        let (status, detail) = answer(&daemon.app, ("POST", AUTHORIZE, body.as_bytes())).await;
        assert_eq!(status, 400, "{query}: {detail}");
        assert!(detail.contains("return_url") && detail.contains(named), "{query}: {detail}");
    }
    for query in ["x=status", "my_status=1", "statuses=1", "partner_id=7"] {
        let body = json!({"return_url": format!("http://127.0.0.1:9/done?{query}")}).to_string();
        assert_eq!(daemon.app.call(Method::POST, AUTHORIZE, Some(&body)).await.0, 201, "{query}");
    }
}
