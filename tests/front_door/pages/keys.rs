//! API keys are made, seen and revoked by the administrator.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::harness::{Daemon, eventually, sandbox};
use crate::host_app::HostApp;

const CALLS: &str = "/admin/api/keys";

async fn listed(daemon: &Daemon, id: &str) -> Value {
    let list = daemon.admin.get(CALLS).await;
    let found = list["keys"].as_array().unwrap().iter().find(|key| key["id"] == id);
    assert!(found.is_some(), "{id}: {list}");
    found.unwrap().clone()
}

/// Whether a key is refused, and within the time in which that must be.
async fn is_refused_soon(app: &HostApp, revoked: Instant) -> bool {
    let refused = eventually(async || {
        app.call(Method::GET, "/v1/partners", None).await.0 == StatusCode::UNAUTHORIZED
    });
    refused.await && revoked.elapsed() < Duration::from_secs(2)
}

#[tokio::test]
async fn a_key_that_was_made_works_until_it_is_revoked_and_the_last_admin_s_is_kept() {
    let mut daemon = Daemon::start(&sandbox(), "").await;
    let with = |key: &str| HostApp::new(daemon.address.clone(), key.to_owned());
    let (status, _) = daemon.app.call(Method::GET, CALLS, None).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let body = "{\"scope\": \"app\", \"label\": \"phone backend\"}";
    let (status, made) = daemon.admin.call(Method::POST, CALLS, Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert_eq!(listed(&daemon, id).await["last_used_at"], Value::Null);
    let app = with(key);
    app.get("/v1/partners").await;
    let used = listed(&daemon, id).await["last_used_at"].clone();
    assert!(used.is_string());

    let pages = daemon.sign_in().await;
    let html = pages.page("/admin/keys").await;
    assert!(html.contains("phone backend") && html.contains(id) && !html.contains(key), "{html}");
    assert!(html.contains("you are signed in with it"), "{html}");
    let fields = [("scope", "app"), ("label", "made on the page")];
    let (status, _, html) = pages.send("/admin/keys", &fields).await;
    assert_eq!(status, StatusCode::CREATED, "{html}");
    let (_, rest) = html.split_once("<pre id=\"secret\" tabindex=\"0\">").unwrap();
    let other = with(rest.split_once('<').unwrap().0);
    other.get("/v1/partners").await;

    let revoke = format!("/admin/keys/{id}/revoke");
    assert_eq!(pages.send(&revoke, &[]).await.0, StatusCode::SEE_OTHER);
    assert!(is_refused_soon(&app, Instant::now()).await);
    let id_of = |key: &str| key.split('_').nth(2).unwrap().to_owned();
    let other_call = format!("{CALLS}/{}", id_of(&other.key));
    assert_eq!(daemon.admin.call(Method::DELETE, &other_call, None).await.0, 204);
    assert!(is_refused_soon(&other, Instant::now()).await);
    assert_eq!(daemon.admin.call(Method::DELETE, &other_call, None).await.0, 404);

    // It was stored as well.
    daemon.stop().await;
    daemon.launch().await;
    let kept = listed(&daemon, id).await;
    assert!(kept["last_used_at"] == used && kept["revoked_at"].is_string(), "{kept}, not {used}");

    let own = id_of(&daemon.admin.key);
    assert_eq!(listed(&daemon, &own).await["is_last_admin"], true);
    let call = format!("{CALLS}/{own}");
    let (status, problem) = daemon.admin.call(Method::DELETE, &call, None).await;
    assert_eq!(
        (status, &problem["type"]),
        (StatusCode::CONFLICT, &"urn:syncwell:problem:last-admin-key".into())
    );
    let pages = daemon.sign_in().await;
    let revoke = format!("/admin/keys/{own}/revoke");
    let (status, _, html) = pages.send(&revoke, &[]).await;
    assert_eq!(status, StatusCode::CONFLICT, "{html}");
    assert!(html.contains("syncwell key create --scope admin"), "{html}");
    let (status, ..) = pages.send(&revoke, &[("confirm", &own)]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(pages.get("/admin/keys").await.0, StatusCode::SEE_OTHER, "signed out");
    assert!(is_refused_soon(&daemon.admin, Instant::now()).await);
}
