//! Connecting: granted, denied, too late, repeated, disconnected.

use reqwest::Method;
use reqwest::header::LOCATION;

use crate::harness::{Daemon, empty_account, sandbox, values, weight};

#[tokio::test]
async fn a_user_connects_both_partners_and_the_data_is_there() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    empty_account(&sandbox, "withings", "ann");
    sandbox
        .control()
        .append("withings", "ann", "measure", vec![weight(&sandbox.control(), 78_120, 90)])
        .unwrap();
    daemon.app.connect(&sandbox, "ann", "withings").await;
    daemon.app.connect(&sandbox, "ann", "runkeeper").await;
    assert_eq!(values(&daemon.app.records("ann").await, "weight"), [78.12]);
    let connection = daemon.app.connection("ann", "withings").await;
    assert_eq!(connection["status"], "connected");
    assert_eq!(connection["group"], 5);
    assert!(connection["external_user_id"].is_string());
    assert_eq!(connection["poll"]["weight"], true);
    assert!(connection["next_poll_at"].is_string() && connection["last_error"].is_null());
    let list = daemon.app.get("/v1/users/ann/connections").await;
    let partners: Vec<_> =
        list["connections"].as_array().unwrap().iter().map(|one| &one["partner"]).collect();
    assert_eq!(partners, ["runkeeper", "withings"]);
}

#[tokio::test]
async fn the_browser_is_sent_to_the_return_url_with_how_it_ended() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let app = &daemon.app;
    empty_account(&sandbox, "withings", "ann");
    for (decision, status) in [("deny", "denied"), ("allow", "connected")] {
        let url = app
            .authorize("ann", "withings", r#"{"return_url":"http://127.0.0.1:9/done?x=1"}"#)
            .await;
        let back = app.decide(&url, "ann", decision).await;
        let ended = app.client.get(&back).send().await.unwrap();
        assert_eq!(ended.status(), 303);
        let location = ended.headers()[LOCATION].to_str().unwrap();
        assert_eq!(
            location,
            format!("http://127.0.0.1:9/done?x=1&status={status}&partner=withings")
        );
    }
    let outcomes: Vec<_> = app
        .timeline("ann")
        .await
        .iter()
        .rev()
        .take(2)
        .map(|line| line["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["denied", "connected"]);
}

#[tokio::test]
async fn a_denial_leaves_no_connection_and_says_so_in_the_timeline() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let app = &daemon.app;
    let url = app.authorize("ann", "runkeeper", "{}").await;
    let back = app.decide(&url, "ann", "deny").await;
    let page = app.client.get(&back).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("not to allow the access at RunKeeper"), "{page}");
    let (status, problem) =
        app.call(Method::GET, "/v1/users/ann/connections/runkeeper", None).await;
    assert_eq!(
        (status.as_u16(), problem["type"].as_str()),
        (404, Some("urn:syncwell:problem:no-connection"))
    );
    let line = app.timeline("ann").await[0].clone();
    assert_eq!(line["outcome"], "denied");
    assert!(line["summary"].as_str().unwrap().contains("did not grant access"), "{line}");
}

#[tokio::test]
async fn a_denial_of_a_second_connect_leaves_the_first_as_it_was() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let app = &daemon.app;
    app.connect(&sandbox, "ann", "withings").await;
    let url = app.authorize("ann", "withings", "{}").await;
    let back = app.decide(&url, "ann", "deny").await;
    assert_eq!(app.client.get(&back).send().await.unwrap().status(), 200);
    assert_eq!(app.connection("ann", "withings").await["status"], "connected");
    app.sync_ok("ann", "withings").await;
}

#[tokio::test]
async fn a_link_works_once_and_only_for_its_partner() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let app = &daemon.app;
    empty_account(&sandbox, "withings", "ann");
    let url = app.authorize("ann", "withings", "{}").await;
    let back = app.decide(&url, "ann", "allow").await;
    let elsewhere = back.replace("/oauth/withings/", "/oauth/runkeeper/");
    assert_eq!(app.client.get(&elsewhere).send().await.unwrap().status(), 400);
    assert_eq!(
        app.client.get(&back).send().await.unwrap().status(),
        200,
        "only its own callback uses it up"
    );
    let other = back.replace("code=", "code=0");
    assert_eq!(app.client.get(&other).send().await.unwrap().status(), 400, "it is used up");
    let made_up = format!("{}/oauth/withings/callback?code=x&state=y", daemon.address);
    let page = app.client.get(&made_up).send().await.unwrap();
    assert_eq!(page.status(), 400);
    assert!(page.text().await.unwrap().contains("has run out"));
}

#[tokio::test]
async fn a_code_the_partner_does_not_accept_ends_as_an_error_not_as_a_connection() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let app = &daemon.app;
    let url = app.authorize("ann", "withings", "{}").await;
    let back = app.decide(&url, "ann", "allow").await;
    // Withings' authorization codes are valid for 30 seconds.
    sandbox.control().advance(std::time::Duration::from_secs(31));
    assert_eq!(app.client.get(&back).send().await.unwrap().status(), 502);
    let line = app.timeline("ann").await[0].clone();
    assert_eq!(line["outcome"], "failed");
    assert!(line["summary"].as_str().unwrap().contains("did not accept the code"), "{line}");
}

#[tokio::test]
async fn the_same_account_continues_where_it_was_and_another_starts_from_the_beginning() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    for (account, grams) in [("ann", 70_100), ("simulator", 80_200)] {
        empty_account(&sandbox, "withings", account);
        control.append("withings", account, "measure", vec![weight(&control, grams, 60)]).unwrap();
    }
    app.connect(&sandbox, "ann", "withings").await;
    app.connect_account("ann", "withings", "ann").await;
    app.sync_ok("ann", "withings").await;
    assert_eq!(values(&app.records("ann").await, "weight"), [70.1]);
    app.connect_account("ann", "withings", "simulator").await;
    app.sync_ok("ann", "withings").await;
    assert_eq!(values(&app.records("ann").await, "weight"), [70.1, 80.2]);
    app.connect_account("ann", "withings", "ann").await;
    app.sync_ok("ann", "withings").await;
    assert_eq!(
        values(&app.records("ann").await, "weight"),
        [70.1, 80.2],
        "nothing is duplicated on the way back"
    );
}

#[tokio::test]
async fn a_disconnect_revokes_at_the_partner_destroys_the_tokens_and_keeps_the_records() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    for partner in ["withings", "runkeeper"] {
        empty_account(&sandbox, partner, "ann");
    }
    control.append("withings", "ann", "measure", vec![weight(&control, 70_100, 60)]).unwrap();
    for partner in ["withings", "runkeeper"] {
        app.connect(&sandbox, "ann", partner).await;
        let path = format!("/v1/users/ann/connections/{partner}");
        let (status, ended) = app.call(Method::DELETE, &path, None).await;
        assert_eq!((status.as_u16(), &ended["revoked"]), (200, &true.into()), "{ended}");
        assert_eq!(control.counts(partner).unwrap().revoked, 1);
        assert_eq!(app.connection("ann", partner).await["status"], "disconnected");
        let (status, problem) = app.post(&format!("{path}/sync")).await;
        assert_eq!(status, 409, "{problem}");
    }
    assert_eq!(values(&app.records("ann").await, "weight"), [70.1]);
    app.connect_account("ann", "withings", "ann").await;
    app.sync_ok("ann", "withings").await;
    assert_eq!(values(&app.records("ann").await, "weight"), [70.1]);
}

#[tokio::test]
async fn a_disconnect_works_while_the_partner_hangs() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    daemon.app.connect(&sandbox, "ann", "runkeeper").await;
    let hang = serde_json::from_str(r#"{"fault":{"kind":"hang"}}"#).unwrap();
    sandbox.control().add_fault("runkeeper", hang).unwrap();
    let (status, ended) =
        daemon.app.call(Method::DELETE, "/v1/users/ann/connections/runkeeper", None).await;
    assert_eq!((status.as_u16(), &ended["revoked"]), (200, &false.into()), "{ended}");
    assert_eq!(daemon.app.connection("ann", "runkeeper").await["status"], "disconnected");
}

#[tokio::test]
async fn the_callback_exists_before_the_partner_is_installed() {
    let daemon = Daemon::start_of(&["runkeeper"], &sandbox(), "", &[]).await;
    // Withings asks before it issues the credentials with which the partner is installed.
    for partner in ["withings", "runkeeper"] {
        let address = format!("{}/oauth/{partner}/callback", daemon.address);
        let head = daemon.app.client.head(&address).send().await.unwrap();
        assert_eq!((head.status().as_u16(), head.content_length()), (200, Some(0)), "{partner}");
    }
}

#[tokio::test]
async fn a_callback_that_comes_again_during_the_exchange_waits_for_it() {
    let sandbox = sandbox();
    let daemon = Daemon::start_of(&["strava"], &sandbox, "", &[]).await;
    let (app, control) = (&daemon.app, sandbox.control());
    empty_account(&sandbox, "strava", "ann");
    let slow = r#"{"on":{"path":"/oauth/token"},"fault":{"kind":"latency","ms":1000}}"#;
    control.add_fault("strava", serde_json::from_str(slow).unwrap()).unwrap();
    let begin = r#"{"return_url":"http://127.0.0.1:9/done"}"#;
    let url = app.authorize("ann", "strava", begin).await;
    let back = app.decide(&url, "ann", "allow").await;
    let gives_up = std::time::Duration::from_millis(400);
    assert!(app.client.get(&back).timeout(gives_up).send().await.is_err());
    let visits = [(); 4].map(|()| app.client.get(&back).send());
    for ended in futures_util::future::join_all(visits).await {
        let ended = ended.unwrap();
        assert_eq!(ended.status(), 303);
        let location = ended.headers()[LOCATION].to_str().unwrap();
        assert_eq!(location, "http://127.0.0.1:9/done?status=connected&partner=strava");
    }
    assert_eq!(control.counts("strava").unwrap().codes_exchanged, 1);
    let lines = app.timeline("ann").await;
    let connects = lines.iter().filter(|line| line["outcome"] == "connected").count();
    assert_eq!(connects, 1, "{lines:?}");
    // Another code with the same state is not the same callback.
    let other = back.replace("code=", "code=0");
    assert_eq!(app.client.get(&other).send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_process_that_is_killed_during_the_exchange_says_later_how_it_ended() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start_of(&["strava"], &sandbox, "", &[]).await;
    let (app, control) = (daemon.app.clone(), sandbox.control());
    empty_account(&sandbox, "strava", "ann");
    let hang = r#"{"on":{"path":"/oauth/token"},"times":1,"fault":{"kind":"hang"}}"#;
    control.add_fault("strava", serde_json::from_str(hang).unwrap()).unwrap();
    let url = app.authorize("ann", "strava", "{}").await;
    let back = app.decide(&url, "ann", "allow").await;
    let gives_up = std::time::Duration::from_millis(400);
    assert!(app.client.get(&back).timeout(gives_up).send().await.is_err());
    daemon.kill();
    daemon.launch().await;
    assert_eq!(app.client.get(&back).send().await.unwrap().status(), 502);
    let (status, _) = app.call(Method::GET, "/v1/users/ann/connections/strava", None).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn user_ids_are_those_of_the_identity_provider() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let app = &daemon.app;
    empty_account(&sandbox, "withings", "ann");
    let longest = "a".repeat(256);
    for (encoded, id) in [
        ("auth0%7C5f7c8ec7c33c6c004bbafe82", "auth0|5f7c8ec7c33c6c004bbafe82"),
        ("google-oauth2|103547991597142817347", "google-oauth2|103547991597142817347"),
        ("ann+test@example.com", "ann+test@example.com"),
        ("https%3A%2F%2Fid.example.com%2F7%3Fx%3D1%252F", "https://id.example.com/7?x=1%2F"),
        ("%E6%97%A5%E6%9C%AC%20%C3%B6", "日本 ö"),
        (longest.as_str(), longest.as_str()),
    ] {
        app.connect_account(encoded, "withings", "ann").await;
        let list = app.get(&format!("/v1/users/{encoded}/connections")).await;
        assert_eq!(list["connections"][0]["user_id"], id, "{list}");
        let path = format!("/v1/users/{encoded}/connections/runkeeper");
        let (status, problem) = app.call(Method::GET, &path, None).await;
        assert_eq!(status, 404);
        let detail = problem["detail"].as_str().unwrap();
        assert!(!detail.contains("/v1/users/https://"), "{detail}");
    }
    for encoded in ["%0A", "a%00", "%FF", &"a".repeat(257)] {
        let path = format!("/v1/users/{encoded}/connections/withings/authorize");
        let (status, problem) = app.call(Method::POST, &path, Some("{}")).await;
        assert_eq!(status, 400, "{encoded}: {problem}");
    }
}
