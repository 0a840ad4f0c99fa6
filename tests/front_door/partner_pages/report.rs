//! What the administrator sees of a partner as a whole, and of what is open.

use std::time::Duration;

use partner_sandbox::TokenAction;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Daemon, MOVED_CLOCK, empty_account, eventually, sandbox};

#[tokio::test]
async fn a_partner_is_reported_with_its_users_limits_outlook_errors_and_failures() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let settings = "[scheduler]\nmin_gap = \"10ms\"\n";
    let mut daemon = Daemon::start_with(&sandbox, settings, &[MOVED_CLOCK]).await;
    let app = daemon.app.clone();
    for user in ["ann", "ben", "cleo"] {
        app.connect(&sandbox, user, "runkeeper").await;
    }
    app.connect(&sandbox, "ann", "withings").await;
    // It counts as revoked when it was refused for some time.
    control.tokens("runkeeper", "cleo", TokenAction::Revoke).unwrap();
    app.sync("cleo", "runkeeper").await;
    assert!(eventually(async || daemon.actor("runkeeper").await["sessions_busy"] == 0).await);
    daemon.let_pass(&sandbox, Duration::from_secs(660));
    app.syncs_until_reconnect("cleo", "runkeeper").await;
    daemon.kill();
    daemon.set_limits("limits = [{calls = 400, per = \"1h\"}]\n");
    daemon.launch().await;
    let fault = json!({"fault": {"kind": "status", "status": 502}});
    control.add_fault("runkeeper", serde_json::from_value(fault).unwrap()).unwrap();
    assert_eq!(app.sync("ann", "runkeeper").await["outcome"], "failed");
    control.clear_faults("runkeeper").unwrap();
    app.sync_ok("ben", "runkeeper").await;

    let mut report = Value::Null;
    let counted = eventually(async || {
        report = daemon.admin.get("/admin/api/partners/runkeeper").await;
        report["connections"]["needs_reconnect"] == 1 && report["errors"][0]["errors"] == 1
    });
    assert!(counted.await, "{report:#}");
    assert_eq!((&report["state"], &report["generation"]), (&json!("running"), &json!(1)));
    assert_eq!(report["circuit"], json!({"state": "closed", "since": null, "retry_at": null}));
    assert_eq!(
        report["connections"],
        json!({"connected": 2, "needs_reconnect": 1, "ended": 0, "disconnected": 0})
    );
    assert_eq!(
        report["groups"][0],
        json!({"interval_s": 300, "silent_s": 0, "users": 2, "polled": 2})
    );
    let limit = &report["limits"][0];
    let number = |value: &Value| value.as_u64().unwrap();
    let (used, for_) = (number(&limit["used"]), &limit["used_for"]);
    assert_eq!((number(&limit["limit"]), number(&limit["left"])), (400, 400 - used));
    assert_eq!(number(&limit["polls_may_fill"]), 340);
    assert!(number(&for_["people"]) > 0, "{limit}");
    let sum: u64 = ["people", "polls", "past", "other"].iter().map(|of| number(&for_[*of])).sum();
    assert_eq!(sum, used, "{limit}");
    // 8,160 calls a day for polls, and two users who are polled 288 times a day.
    let outlook = &report["outlook"];
    let calls = outlook["calls_per_poll"].as_f64().unwrap();
    let supports = number(&outlook["cases"][0]["supports"]);
    let expected = 8_160.0 / 288.0 / calls;
    assert!((expected - 2.0..=expected + 2.0).contains(&(supports as f64)), "{outlook}");
    let room = i64::try_from(supports).unwrap() - 2;
    assert_eq!(outlook["cases"][0]["room"], room, "{outlook}");
    let sentence = outlook["sentence"].as_str().unwrap();
    assert!(
        sentence.contains(&supports.max(room.unsigned_abs()).to_string()) || room > 0,
        "{outlook}"
    );
    assert_eq!(outlook["cases"].as_array().unwrap().len(), 3, "{outlook}");
    let error = &report["errors"][0];
    assert_eq!(
        (&error["code"], &error["needs"]),
        (&json!("authorization_revoked"), &json!("users"))
    );
    assert_eq!((&error["users"], &error["user_ids"]), (&json!(1), &json!(["cleo"])));
    let failures = report["failures"].as_array().unwrap();
    let failed = failures.iter().find(|it| it["message"].as_str().unwrap().contains("502"));
    let failed = failed.unwrap_or_else(|| panic!("{report:#}"));
    assert!(number(&failed["count"]) >= 1 && failed["user_id"].is_string(), "{failed}");
    assert!(report["notifications"].is_null() || report["notifications"]["refused"] == 0);

    let withings = daemon.admin.get("/admin/api/partners/withings").await;
    assert_eq!(
        (&withings["connections"]["connected"], &withings["errors"]),
        (&json!(1), &json!([]))
    );
    let all = daemon.admin.get("/admin/api/partners").await;
    let names: Vec<_> = all["partners"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["runkeeper", "withings"]);
    assert_eq!(all["partners"][0]["errors_open"], 1, "{all}");
    let groups = daemon.admin.get("/admin/api/errors/groups").await;
    assert_eq!(groups["groups"], report["errors"]);
    for path in ["partners", "partners/runkeeper", "errors/groups"] {
        let (status, _) = app.call(Method::GET, &format!("/admin/api/{path}"), None).await;
        assert_eq!(status, 403, "{path}");
    }

    let pages = daemon.sign_in().await;
    let page = pages.page("/admin/partners/runkeeper").await;
    let sentence = sentence.replace('\'', "&#39;");
    for shown in [
        "<h1>RunKeeper works</h1>",
        "400 calls in 1 h",
        &sentence,
        "Every 5 min",
        "data within 21 days",
        "/admin/errors?partner=runkeeper&#38;code=authorization_revoked",
        "One user must reconnect RunKeeper",
        "<a href=\"/admin/users/cleo\">cleo</a>",
        "502",
        "Pause RunKeeper",
    ] {
        assert!(page.contains(shown), "{shown} is not on the page: {page}");
    }
    assert_eq!(pages.get("/admin/partners/nobody").await.0, 404);
}

#[tokio::test]
async fn the_pages_pause_sync_and_list_what_is_open_and_what_was() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "[scheduler]\nmin_gap = \"10ms\"\n").await;
    let app = &daemon.app;
    let pages = daemon.sign_in().await;
    // Counts are kept for a moment.
    let shows = async |path: &str, what: &str| {
        let mut page = String::new();
        let shown = eventually(async || {
            page = pages.page(path).await;
            page.contains(what)
        });
        assert!(shown.await, "{what} is not on the page: {page}");
        page
    };
    let page = pages.page("/admin/errors").await;
    assert!(page.contains("<h1>No error is open</h1>"), "{page}");
    for account in ["one", "two"] {
        empty_account(&sandbox, "runkeeper", account);
        app.connect_account("ann", "runkeeper", account).await;
    }
    empty_account(&sandbox, "withings", "family");
    for user in ["ben", "cleo"] {
        app.connect_account(user, "withings", "family").await;
    }
    let page = shows("/admin/errors", "Need the users <span>2</span>").await;
    for shown in [
        "<h1>Nothing needs you, something needs users</h1>",
        "Need the users <span>2</span>",
        "One user connected another account of RunKeeper",
        "<a href=\"/admin/users/ann\">ann</a>",
        "Several users share an account of Withings",
        "ben, cleo",
    ] {
        assert!(page.contains(shown), "{shown} is not on the page: {page}");
    }
    app.connect_account("ann", "runkeeper", "one").await;
    let page = shows("/admin/errors?partner=runkeeper", "No error is open").await;
    assert!(!page.contains("share an account of Withings"), "{page}");
    assert!(page.contains("Closed: the user connected again."), "{page}");
    let page = pages.page("/admin/errors?partner=&code=account_shared&state=all").await;
    assert!(page.contains("Several users share an account of Withings"), "{page}");
    assert!(!page.contains("connected another account"), "{page}");
    assert!(pages.page("/admin/errors?user=nobody").await.contains("There is no such error"));
    assert_eq!(pages.get("/admin/errors?code=unheard_of").await.0, 400);

    let token = |page: &str| {
        let (_, rest) = page.split_once("name=\"form_token\" value=\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    let token = token(&page);
    let path = "/admin/partners/runkeeper";
    let act =
        async |what: &str| pages.send_plainly(path, &[("do", what), ("form_token", &token)]).await;
    let (status, leads, _) = act("pause").await;
    assert_eq!((status.as_u16(), leads.as_str()), (303, path));
    let page = pages.page(path).await;
    assert!(page.contains("<h1>RunKeeper is paused since "), "{page}");
    assert!(page.contains("RunKeeper<span class=\"sr\">, paused</span>"), "{page}");
    let (_, answer) = app.post("/v1/users/ann/connections/runkeeper/sync?wait=60s").await;
    assert_eq!(answer["syncs"][0]["outcome"], "paused", "{answer}");
    assert_eq!(pages.send_plainly(path, &[("do", "resume")]).await.0, 403, "another site sent it");
    act("resume").await;
    app.sync_ok("ann", "runkeeper").await;
    let (_, leads, _) = act("sync").await;
    let page = pages.page(&leads).await;
    assert!(page.contains("One user is synced as soon as"), "{page}");
    assert_eq!(act("destroy").await.0, 400);
}
