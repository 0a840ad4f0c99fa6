//! No other site can send a form.

use reqwest::header::{COOKIE, ORIGIN};

use super::page_addresses;
use crate::harness::{Daemon, sandbox};

#[tokio::test]
async fn forms_of_other_sites_are_refused_everywhere() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let pages = daemon.sign_in().await;
    let token = pages.form_token().await;
    let client = partner_sdk::http_client().unwrap();
    let send = async |address: &str, header: Option<(&str, &str)>, token: &str| {
        let fields =
            [("form_token", token), ("scope", "none"), ("do", "nothing"), ("confirm", "no")];
        let request = client.post(format!("{}{address}", daemon.address)).form(&fields);
        let request = request.header(COOKIE, &pages.cookie);
        let request = match header {
            Some((name, value)) => request.header(name, value),
            None => request,
        };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (mut walked, own) = (0, daemon.address.as_str());
    for (method, address) in page_addresses() {
        if method != "POST" || address == "/admin/sign-out" {
            continue;
        }
        walked += 1;
        for other in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            (ORIGIN.as_str(), "https://evil.example"),
            (ORIGIN.as_str(), "http://127.0.0.1:1"),
        ] {
            let (status, html) = send(&address, Some(other), &token).await;
            assert!(status == 403 && html.contains("another site"), "{address} {other:?}: {html}");
        }
        for ours in [("sec-fetch-site", "same-origin"), (ORIGIN.as_str(), own)] {
            let (status, html) = send(&address, Some(ours), &token).await;
            assert!(!html.contains("another site"), "{address} {ours:?}: {status} {html}");
        }
        // Whoever signs in has no token yet.
        if address.starts_with("/admin/") && address != "/admin/sign-in" {
            let (status, html) = send(&address, None, "made up").await;
            assert!(status == 403 && html.contains("does not belong"), "{address}: {html}");
        }
    }
    assert!(walked > 12, "{walked}");
    let (status, _) = send("/admin/sign-out", Some((ORIGIN.as_str(), "null")), &token).await;
    assert_eq!(status, 403);
    assert_eq!(pages.get("/admin/settings").await.0, 200, "still signed in");
}
