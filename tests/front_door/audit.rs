//! Who did what to whom.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Daemon, empty_account, sandbox};

fn run(daemon: &Daemon, arguments: &[&str]) -> (bool, String) {
    let ended = daemon.command(arguments);
    let said = [ended.stdout, ended.stderr].concat();
    (ended.status.success(), String::from_utf8(said).unwrap())
}

/// The actions in the log with whoever did each, the newest first.
async fn log(daemon: &Daemon, query: &str) -> Vec<(String, String)> {
    let found = daemon.admin.all(&format!("/admin/api/audit{query}"), "entries").await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |it: &Value| (text(&it["action"]), text(&it["actor_kind"]));
    found.iter().map(of).collect()
}

#[tokio::test]
async fn everybody_who_does_something_is_in_the_log_and_an_erased_user_is_not_named_there() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let began = daemon.admin.get("/admin/api/audit").await["entries"].as_array().unwrap().len();
    daemon.app.connect(&sandbox, "ann-in-the-log", "withings").await;
    let user = "/v1/users/ann-in-the-log";
    assert_eq!(daemon.app.call(Method::GET, &format!("{user}/records"), None).await.0, 200);
    let pages = daemon.sign_in().await;
    for _ in 0..3 {
        pages.page("/admin/users/ann-in-the-log").await;
    }
    daemon.admin.get("/admin/api/users/ann-in-the-log").await;
    let other = format!("{user}/connections/withings");
    assert_eq!(daemon.app.call(Method::DELETE, &other, None).await.0, 200);
    assert_eq!(daemon.app.call(Method::DELETE, &other, None).await.0, 200);
    assert_eq!(daemon.app.call(Method::GET, "/admin/api/keys", None).await.0, 403);
    let (made, _) = run(&daemon, &["key", "create", "--scope", "app:read"]);
    assert!(made);
    let seen = log(&daemon, "").await;
    let did: Vec<_> =
        seen[..seen.len() - began].iter().map(|(did, who)| (did.as_str(), who.as_str())).collect();
    let wanted = [
        ("key.created", "command_line"),
        ("connection.disconnected", "key"),
        ("connection.disconnected", "key"),
        // Once an hour, on pages and by calls.
        ("user.viewed", "key"),
        ("administrator.signed_in", "key"),
        ("connection.connected", "user"),
        ("connection.begun", "key"),
    ];
    assert_eq!(did, wanted);
    let page = pages.page("/admin/audit").await;
    assert!(page.contains("made an API key") && page.contains("ann-in-the-log"), "{page}");
    let newest = daemon.admin.get("/admin/api/audit?limit=1").await["entries"][0].clone();

    assert_eq!(daemon.app.call(Method::DELETE, user, None).await.0, 200);
    let all = daemon.admin.get("/admin/api/audit").await;
    assert!(!all.to_string().contains("ann-in-the-log"), "{all}");
    let hers = log(&daemon, "?user=ann-in-the-log").await;
    assert_eq!(hers.len(), 6, "{hers:?}");
    assert_eq!(hers[0].0, "user.erased");
    assert!(log(&daemon, "?user=ben").await.is_empty());
    let (_, listed) = run(&daemon, &["audit", "list", "--user", "ann-in-the-log"]);
    assert!(listed.contains("user.erased  an erased user ("), "{listed}");

    let (good, said) = run(&daemon, &["audit", "verify"]);
    assert!(good && said.contains(" entries, none changed, none missing"), "{said}");
    let known = format!("{}:{}", newest["seq"], newest["hash"].as_str().unwrap());
    assert!(run(&daemon, &["audit", "verify", "--known", &known]).0);
    let wrong = format!("{}:{}", newest["seq"], "00");
    let (good, said) = run(&daemon, &["audit", "verify", "--known", &wrong]);
    assert!(!good && said.contains("was 00, and is "), "{said}");
    assert!(daemon.log().contains("noted in the audit log"), "a copy is in the log");
}

#[tokio::test]
async fn what_nobody_may_do_and_who_cannot_sign_in_is_noted_once() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    empty_account(&sandbox, "withings", "ann");
    for _ in 0..3 {
        assert!(daemon.sign_in_with(&[("key", "wrong")]).await.is_err());
        let body = json!({"scope": "app", "label": ""}).to_string();
        let (status, _) = daemon.app.call(Method::POST, "/admin/api/keys", Some(&body)).await;
        assert_eq!(status, 403);
        // A mistake, and nothing that anybody did.
        let path = "/v1/users/nobody/connections/withings";
        assert_eq!(daemon.app.call(Method::DELETE, path, None).await.0, 404);
    }
    let all = daemon.admin.all("/admin/api/audit", "entries").await;
    let refused: Vec<_> = all.iter().filter(|it| it["outcome"] == "refused").collect();
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert_eq!(
        (&refused[0]["action"], &refused[0]["actor_kind"]),
        (&json!("key.created"), &json!("key"))
    );
    assert_eq!(refused[1]["actor_kind"], "unknown");
}
