//! The administrator sees whether the host app hears us, and sends again.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::harness::{Daemon, eventually, sandbox};
use crate::webhooks::receiver::{Receiver, Reply};
use crate::webhooks::{ALLOWED, add, added};

const PAGE: &str = "/admin/webhooks";

async fn only(daemon: &Daemon) -> Value {
    let list = daemon.admin.get("/admin/api/webhooks").await;
    assert_eq!(list["webhooks"].as_array().unwrap().len(), 1, "{list}");
    list["webhooks"][0].clone()
}

#[tokio::test]
async fn an_endpoint_that_fails_shows_its_attempts_and_a_replay_makes_it_deliver() {
    let daemon = Daemon::start(&sandbox(), ALLOWED).await;
    let (receiver, pages) = (Receiver::start().await, daemon.sign_in().await);
    assert!(pages.page(PAGE).await.contains("No endpoint hears of changes yet"));

    let kept =
        [("url", "http://app.example.com:x/"), ("records", "on"), ("description", "ours <b>")];
    let (status, _, html) = pages.send(PAGE, &kept).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(html.contains("not an address") && html.contains("ours &#60;b&#62;"), "{html}");
    let fields = [("url", receiver.url.as_str()), ("records", "on"), ("connections", "on")];
    let (status, _, html) = pages.send(PAGE, &fields).await;
    assert_eq!(status, StatusCode::CREATED, "{html}");
    assert!(html.contains("whsec_"), "{html}");
    let id = only(&daemon).await["id"].as_str().unwrap().to_owned();
    let (own, calls) = (format!("{PAGE}/{id}"), format!("/admin/api/webhooks/{id}"));

    receiver.replies(|_| Reply::status(500));
    add(&daemon, "ann", 0..3).await;
    let failed =
        eventually(async || only(&daemon).await["last_hour"]["failed"].as_u64() >= Some(1));
    assert!(failed.await, "{}", only(&daemon).await);
    let shown = daemon.admin.get(&calls).await;
    assert_eq!(shown["status"], "failing", "{shown}");
    assert_eq!(shown["last_attempts"][0]["status_code"], 500);
    assert_eq!(
        (&shown["last_day"], &shown["by_hour"][23]["failed"]),
        (&shown["last_hour"], &shown["last_hour"]["failed"])
    );
    assert!(shown["waiting"]["messages"].as_u64() >= Some(1), "{shown}");
    assert!(shown["waiting"]["oldest_at"].is_string() && shown["disabled_unless_by"].is_string());
    let attempts = daemon.admin.get(&format!("{calls}/deliveries?failing=true&limit=1")).await;
    assert_eq!(attempts["deliveries"][0]["status"], "failed", "{attempts}");
    let (list, page) = (pages.page(PAGE).await, pages.page(&own).await);
    assert!(list.contains("One endpoint does not take events") && list.contains("Fails"), "{list}");
    assert!(page.contains("500 in ") && page.contains("record.created"), "{page}");
    assert!(page.contains("1 attempt in a row failed since") || page.contains("attempts in a row"));
    for html in [&list, &page] {
        for hidden in ["whsec_", "hidden-key", "71.3459", "ann"] {
            assert!(!html.contains(hidden), "{hidden} stands on the page: {html}");
        }
    }

    receiver.replies(|_| Reply::status(204));
    let created: DateTime<Utc> = shown["created_at"].as_str().unwrap().parse().unwrap();
    let from = (created - TimeDelta::hours(1)).format("%Y-%m-%dT%H:%M").to_string();
    let replay = format!("{own}/replay");
    let (status, leads, _) = pages.send(&replay, &[("from", from.as_str())]).await;
    assert_eq!((status, leads), (StatusCode::SEE_OTHER, format!("{own}?done=replay")));
    receiver.takes("ann", &added("ann", 0..3)).await;
    let active = eventually(async || only(&daemon).await["status"] == "active").await;
    let shown = only(&daemon).await;
    assert!(
        active && shown["waiting"]["messages"] == 0 && shown["waiting"]["changes"] == 0,
        "{shown}"
    );
    assert!(shown["last_hour"]["changes"].as_u64() >= Some(3), "{shown}");
    assert!(shown["answers_p95_ms"].is_u64(), "{shown}");
    let page = pages.page(&format!("{own}?done=replay")).await;
    assert!(page.contains("It is being sent again") && page.contains("Delivered"), "{page}");
    let (status, _, _) = pages.send(&replay, &[("from", "yesterday")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);

    let tested = pages.send(&format!("{own}/test"), &[]).await.2;
    assert!(
        tested.contains("The test was taken") && tested.contains("It answered 204"),
        "{tested}"
    );
    let rotated = pages.send(&format!("{own}/rotate"), &[]).await.2;
    assert!(rotated.contains("whsec_"), "{rotated}");
    let (status, leads, _) = pages.send(&format!("{own}/disable"), &[]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let page = pages.page(&leads).await;
    assert!(page.contains("is switched off") && page.contains("disabled by a request"), "{page}");
    pages.send(&format!("{own}/enable"), &[]).await;
    assert_eq!(only(&daemon).await["status"], "active");

    let delete = format!("{own}/delete");
    let (status, _, html) = pages.send(&delete, &[("confirm", "we_other")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{html}");
    assert_eq!(pages.send_plainly(&delete, &[("confirm", &id)]).await.0, StatusCode::FORBIDDEN);
    only(&daemon).await;
    let (status, leads, _) = pages.send(&delete, &[("confirm", &id)]).await;
    assert_eq!((status, leads.as_str()), (StatusCode::SEE_OTHER, "/admin/webhooks?deleted=1"));
    assert_eq!(daemon.admin.call(Method::GET, &calls, None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(pages.get(&own).await.0, StatusCode::NOT_FOUND);
}
