//! Signing in to the administrator's pages.

use reqwest::StatusCode;

use crate::harness::{Daemon, sandbox};

#[tokio::test]
async fn pages_are_for_those_who_signed_in_until_they_sign_out() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let mut pages = daemon.sign_in().await;
    let (status, html) = pages.get("/admin/sign-in").await;
    assert_eq!((status, html.as_str()), (StatusCode::SEE_OTHER, ""), "is signed in already");

    let app_key = [("key", daemon.app.key.as_str())];
    let (status, _, html) = pages.send_plainly("/admin/sign-in", &app_key).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(html.contains("This key is for the host app"), "{html}");
    assert!(!html.contains(&daemon.app.key), "the page shows the key");

    let (status, _, html) = pages.send_plainly("/admin/sign-out", &[]).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "another site sent it: {html}");
    assert_eq!(pages.get("/admin/sign-in").await.0, StatusCode::SEE_OTHER, "still signed in");

    let cookie = std::mem::replace(&mut pages.cookie, "syncwell_admin=0123456789abcdef".into());
    let (status, html) = pages.get("/admin/sign-in?next=%2Fadmin%2Factors").await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("value=\"/admin/actors\""), "{html}");

    // The key of a session is revoked.
    pages.cookie = cookie;
    let id = daemon.admin.key.split('_').nth(2).unwrap();
    daemon.revoke_key(id);
    assert_eq!(pages.get("/admin/sign-in").await.0, StatusCode::OK, "no longer signed in");
}
