//! The error log: each scenario is produced at the simulators, appears, explains itself, is what `explain`
//! names first, and closes when it is mended.

mod connections;
mod events;
mod partners;

use reqwest::Method;
use serde_json::Value;

use crate::harness::{Daemon, HostApp, eventually, sandbox};

/// Errors in this state, of this scenario.
async fn errors(daemon: &Daemon, state: &str, code: &str) -> Vec<Value> {
    daemon.admin.all(&format!("/admin/api/errors?state={state}&code={code}"), "errors").await
}

/// Waits for an open error of this scenario about a partner; checks that it explains itself.
async fn opens(daemon: &Daemon, code: &str, partner: &str) -> Value {
    let mut found = Value::Null;
    let opened = eventually(async || {
        let open = errors(daemon, "open", code).await;
        found = open.into_iter().find(|error| error["partner"] == partner).unwrap_or_default();
        !found.is_null()
    });
    assert!(opened.await, "{code} at {partner} is not open: {}", daemon.log());
    assert!(found["count"].as_i64().unwrap() >= 1 && found["closed_at"].is_null(), "{found}");
    assert!(found["first_at"].as_str() <= found["last_at"].as_str(), "{found}");
    for text in ["sentence", "mend"] {
        assert!(found[text].as_str().unwrap().len() > 40, "{found}");
    }
    found
}

/// Expects an error to be closed in time, with a reason.
async fn closes(daemon: &Daemon, error: &Value) {
    let code = error["code"].as_str().unwrap();
    let mut found = Value::Null;
    let closed = eventually(async || {
        let closed = errors(daemon, "closed", code).await;
        found = closed.into_iter().find(|closed| closed["id"] == error["id"]).unwrap_or_default();
        !found.is_null()
    });
    assert!(closed.await, "it stays open: {error}\n{}", daemon.log());
    assert!(found["closed_at"].is_string(), "{found}");
    assert!(found["closed_why"].as_str().unwrap().len() > 10, "{found}");
}

/// Expects `explain` of a connection to name this cause first.
async fn explains(app: &HostApp, user: &str, partner: &str, code: &str) -> Value {
    let found = app.get(&format!("/v1/users/{user}/connections/{partner}/explain")).await;
    assert_eq!(found["causes"][0]["code"], code, "{found:#}");
    let first = found["causes"][0]["sentence"].as_str().unwrap();
    assert!(found["summary"].as_str().unwrap().starts_with(first), "{found:#}");
    assert!(found["next"]["why"].is_string(), "{found:#}");
    found
}

#[tokio::test]
async fn the_list_has_pages_and_filters_and_is_for_administrators() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, admin) = (&daemon.app, &daemon.admin);
    let (status, _) = app.call(Method::GET, "/admin/api/errors", None).await;
    assert_eq!(status, 403);
    let empty = admin.get("/admin/api/errors").await;
    assert_eq!(empty, serde_json::json!({"errors": [], "next_cursor": null}));
    // Three users share one account: one error, counted on.
    crate::harness::empty_account(&sandbox, "withings", "family");
    for user in ["ann", "ben", "cleo"] {
        app.connect_account(user, "withings", "family").await;
    }
    // And one changed the account of another partner twice.
    for account in ["one", "two"] {
        crate::harness::empty_account(&sandbox, "runkeeper", account);
        app.connect_account("ann", "runkeeper", account).await;
    }
    let all = admin.all("/admin/api/errors?limit=1", "errors").await;
    let codes: Vec<_> = all.iter().map(|error| error["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["account_changed", "account_shared"], "the latest first: {all:?}");
    assert_eq!((&all[1]["count"], &all[1]["users"]), (&2.into(), &3.into()), "{all:?}");
    assert!(all[1]["sentence"].as_str().unwrap().contains("ann, ben, cleo"), "{all:?}");
    for (query, count) in [
        ("user=ann", 1),
        ("user=cleo", 1),
        ("user=nobody", 0),
        ("partner=runkeeper", 1),
        ("code=account_shared&state=open", 1),
        ("state=closed", 0),
        ("state=all", 2),
    ] {
        let found = admin.all(&format!("/admin/api/errors?limit=9&{query}"), "errors").await;
        assert_eq!(found.len(), count, "{query}: {found:?}");
    }
    for query in ["state=shut", "code=unheard_of", "partner=nobody", "cursor=x", "wrong=1"] {
        let (status, problem) =
            admin.call(Method::GET, &format!("/admin/api/errors?{query}"), None).await;
        assert_eq!(status, 400, "{query}: {problem}");
    }
}
