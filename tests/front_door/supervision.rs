//! A panic in partner code costs one sync; a panic in a partner actor starts a new generation of
//! it. The other partner is not affected.

use partner_sandbox::TokenAction;
use serde_json::json;

use crate::harness::{Daemon, empty_account, eventually, sandbox, values, weight};

#[tokio::test]
async fn a_panic_in_partner_code_costs_that_sync_only() {
    let sandbox = sandbox();
    let environment = [("FAILPOINTS", "partner::poll::withings=2*off->1*panic(on purpose)->off")];
    let daemon = Daemon::start_with(&sandbox, "", &environment).await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "withings").await;
    control.append("withings", "ann", "measure", vec![weight(&control, 70_100, 60)]).unwrap();
    let sync = app.sync("ann", "withings").await;
    assert_eq!(sync["outcome"], "failed", "{sync}");
    assert!(sync["summary"].as_str().unwrap().contains("partner's code panicked"), "{sync}");
    app.sync_ok("ann", "withings").await;
    assert_eq!(values(&app.records("ann").await, "weight"), [70.1]);
    for partner in ["withings", "runkeeper"] {
        let actor = daemon.actor(partner).await;
        assert_eq!((&actor["generation"], &actor["state"]), (&json!(1), &json!("running")));
    }
}

#[tokio::test]
async fn a_panic_of_a_partner_actor_brings_a_new_generation_and_leaves_the_other_alone() {
    let sandbox = sandbox();
    let environment =
        [("FAILPOINTS", "partner_actor::sync_now::withings=2*off->1*panic(on purpose)->off")];
    let daemon = Daemon::start_with(&sandbox, "", &environment).await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "withings").await;
    app.connect(&sandbox, "ann", "runkeeper").await;
    app.sync_ok("ann", "withings").await;
    app.sync_ok("ann", "withings").await;
    empty_account(&sandbox, "withings", "ben");
    let (status, answer) = app.post("/v1/users/ann/connections/withings/sync?wait=5s").await;
    assert!(status == 503 || answer["syncs"][0]["outcome"] == "lost", "{answer}");
    let failed = eventually(async || daemon.actor("withings").await["last_failure"].is_object());
    assert!(failed.await);
    app.sync_ok("ann", "runkeeper").await;
    let again = eventually(async || daemon.actor("withings").await["state"] == "running");
    assert!(again.await);
    let withings = daemon.actor("withings").await;
    assert_eq!((&withings["generation"], &withings["restarts"]), (&json!(2), &json!(1)));
    assert!(
        withings["last_failure"]["reason"].as_str().unwrap().contains("panicked at"),
        "{withings}"
    );
    let runkeeper = daemon.actor("runkeeper").await;
    assert_eq!((&runkeeper["generation"], &runkeeper["restarts"]), (&json!(1), &json!(0)));
    control.append("withings", "ann", "measure", vec![weight(&control, 70_100, 60)]).unwrap();
    app.sync_ok("ann", "withings").await;
    assert_eq!(values(&app.records("ann").await, "weight"), [70.1]);
    let tree = daemon.admin.get("/admin/api/actors").await;
    assert_eq!(tree["supervisor"]["restarts"], 1);
}

#[tokio::test]
async fn a_refresh_under_way_when_its_actor_panics_is_not_lost() {
    let sandbox = sandbox();
    let environment =
        [("FAILPOINTS", "partner_actor::sync_now::withings=1*off->1*panic(on purpose)->off")];
    let daemon = Daemon::start_with(&sandbox, "", &environment).await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "withings").await;
    control.tokens("withings", "ann", TokenAction::ExpireAccess).unwrap();
    // The partner has created the new token pair, and responds late.
    let slow = json!({"on": {"path": "/v2/oauth2"}, "fault": {"kind": "latency", "ms": 3_000}});
    control.add_fault("withings", serde_json::from_value(slow).unwrap()).unwrap();
    app.post("/v1/users/ann/sync").await;
    assert!(eventually(async || control.counts("withings").unwrap().refreshes == 1).await);
    app.post("/v1/users/ann/sync").await;
    let again = eventually(async || {
        let actor = daemon.actor("withings").await;
        actor["generation"] == 2 && actor["state"] == "running"
    });
    assert!(again.await);
    app.sync_ok("ann", "withings").await;
    let counts = control.counts("withings").unwrap();
    assert_eq!((counts.refreshes, counts.refresh_token_reuse), (1, 0));
    assert_eq!(app.connection("ann", "withings").await["status"], "connected");
}
