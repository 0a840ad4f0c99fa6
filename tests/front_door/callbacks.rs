//! Where a browser ends, and with which words.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::LOCATION;
use serde_json::Value;

use crate::harness::{Daemon, HostApp, MOVED_CLOCK, empty_account, sandbox};

const BACK: &str = r#"{"return_url":"http://127.0.0.1:9/done?x=1"}"#;

/// Where the browser is sent; empty for a page.
async fn visit(app: &HostApp, address: &str) -> (u16, String) {
    let answer = app.client.get(address).send().await.unwrap();
    let location = answer.headers().get(LOCATION).map(|to| to.to_str().unwrap().to_owned());
    (answer.status().as_u16(), location.unwrap_or_default())
}

fn back_with(what: &str) -> (u16, String) {
    (303, format!("http://127.0.0.1:9/done?x=1&{what}"))
}

#[tokio::test]
async fn a_page_that_is_reloaded_says_the_same_and_exchanges_nothing() {
    let sandbox = sandbox();
    let settings = [("SYNCWELL__SERVER__APP_NAME", "Ann & <Sons>")];
    let daemon = Daemon::start_of(&["strava"], &sandbox, "", &settings).await;
    let (app, control) = (&daemon.app, sandbox.control());
    empty_account(&sandbox, "strava", "ann");
    let url = app.authorize("ann", "strava", "{}").await;
    let back = app.decide(&url, "ann", "allow").await;
    let mut pages = Vec::new();
    for _ in 0..3 {
        let answer = app.client.get(&back).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        pages.push(answer.text().await.unwrap());
    }
    assert!(pages.iter().all(|page| *page == pages[0]), "{pages:?}");
    for words in ["Strava is connected", "Ann &#38; &#60;Sons&#62;", "class=\"f-ok\""] {
        assert!(pages[0].contains(words), "{words}: {}", pages[0]);
    }
    assert!(!pages[0].contains("{{") && !pages[0].contains("<Sons>"), "{}", pages[0]);
    assert_eq!(control.counts("strava").unwrap().codes_exchanged, 1);
    // Another code is refused, and there is no way back that would say how it ended.
    let other = back.replace("code=", "code=0");
    let answer = app.client.get(&other).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert!(!answer.text().await.unwrap().contains("href=\"http"));
    assert_eq!(control.counts("strava").unwrap().codes_exchanged, 1);
}

#[tokio::test]
async fn the_host_app_learns_why_a_connect_failed() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start_with(&sandbox, "", &[MOVED_CLOCK]).await;
    let (app, control) = (daemon.app.clone(), sandbox.control());
    empty_account(&sandbox, "withings", "ann");
    let begin = async || {
        let url = app.authorize("ann", "withings", BACK).await;
        app.decide(&url, "ann", "allow").await
    };
    let error = |reason: &str| back_with(&format!("status=error&partner=withings&reason={reason}"));

    let outage = r#"{"on":{"path":"/v2/oauth2"},"times":9,"fault":{"kind":"status","status":503}}"#;
    control.add_fault("withings", serde_json::from_str(outage).unwrap()).unwrap();
    let back = begin().await;
    for _ in 0..2 {
        assert_eq!(
            visit(&app, &back).await,
            error("partner_unavailable"),
            "{}",
            app.timeline("ann").await[0]
        );
    }
    control.clear_faults("withings").unwrap();

    let late = begin().await;
    // Withings' codes are valid for 30 seconds.
    control.advance(Duration::from_secs(31));
    assert_eq!(visit(&app, &late).await, error("code_refused"));

    let refused = begin().await;
    let (address, query) = refused.split_once('?').unwrap();
    let state = query.split('&').find(|part| part.starts_with("state=")).unwrap();
    let server_error = format!("{address}?error=server_error&{state}");
    assert_eq!(visit(&app, &server_error).await, error("partner_refused"));

    let expired = begin().await;
    daemon.let_pass(&sandbox, Duration::from_secs(31 * 60));
    assert_eq!(visit(&app, &expired).await, error("link_expired"));
    let (status, connections) = app.call(Method::GET, "/v1/users/ann/connections", None).await;
    assert_eq!((status.as_u16(), &connections["connections"]), (200, &Value::Array(Vec::new())));

    let good = begin().await;
    let connected = back_with("status=connected&partner=withings");
    assert_eq!(visit(&app, &good).await, connected);
    // What ended stays so, also after the link would have expired.
    daemon.let_pass(&sandbox, Duration::from_secs(31 * 60));
    assert_eq!(visit(&app, &good).await, connected);
    let other = good.replace("code=", "code=0");
    let answer = app.client.get(&other).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let page = answer.text().await.unwrap();
    assert!(page.contains("href=\"http://127.0.0.1:9/done?x=1\">Back to the app</a>"), "{page}");
}

#[tokio::test]
async fn a_connect_that_was_cut_short_says_so() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start_of(&["strava"], &sandbox, "", &[]).await;
    let (app, control) = (daemon.app.clone(), sandbox.control());
    empty_account(&sandbox, "strava", "ann");
    let hang = r#"{"on":{"path":"/oauth/token"},"times":1,"fault":{"kind":"hang"}}"#;
    control.add_fault("strava", serde_json::from_str(hang).unwrap()).unwrap();
    let url = app.authorize("ann", "strava", BACK).await;
    let back = app.decide(&url, "ann", "allow").await;
    assert!(app.client.get(&back).timeout(Duration::from_millis(400)).send().await.is_err());
    daemon.kill();
    daemon.launch().await;
    let interrupted = back_with("status=error&partner=strava&reason=interrupted");
    assert_eq!(visit(&app, &back).await, interrupted);
}

#[tokio::test]
async fn a_second_disconnect_says_that_there_was_nothing_to_revoke() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let app = &daemon.app;
    app.connect(&sandbox, "ann", "withings").await;
    let path = "/v1/users/ann/connections/withings";
    for revoked in [true, false, false] {
        let (status, ended) = app.call(Method::DELETE, path, None).await;
        assert_eq!((status.as_u16(), &ended["status"]), (200, &"disconnected".into()));
        assert_eq!(ended["revoked"], revoked, "{ended}");
        let reason = ended["reason"].as_str().unwrap_or_default();
        assert_eq!(reason.contains("disconnected before"), !revoked, "{ended}");
    }
    assert_eq!(sandbox.control().counts("withings").unwrap().revoked, 1);
}
