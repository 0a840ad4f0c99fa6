//! Many sync requests at once: syncs of one account never overlap and do not pile up.

use futures_util::future::join_all;
use partner_sandbox::TokenAction;
use serde_json::json;

use crate::harness::{Daemon, sandbox};

async fn ask_at_once(times: usize) {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let (app, control) = (&daemon.app, sandbox.control());
    app.connect(&sandbox, "ann", "withings").await;
    control.tokens("withings", "ann", TokenAction::ExpireAccess).unwrap();
    control.reset_counts("withings").unwrap();
    // Long enough for all requests to arrive during the same sync.
    let slow = json!({"fault": {"kind": "latency", "ms": 1_000}});
    control.add_fault("withings", serde_json::from_value(slow).unwrap()).unwrap();
    let asked = (0..times).map(|_| app.post("/v1/users/ann/sync?wait=60s"));
    for (status, answer) in join_all(asked).await {
        assert_eq!(
            (status.as_u16(), &answer["syncs"][0]["outcome"]),
            (200, &json!("ok")),
            "{answer}"
        );
    }
    let counts = control.counts("withings").unwrap();
    assert_eq!(counts.max_concurrent_per_account, 1, "never two calls at a time");
    assert_eq!((counts.refreshes, counts.refresh_token_reuse), (1, 0));
    // One call with the expired token, then one per sync. Two hundred requests cause two syncs, or a
    // few more if some arrive after the second has started.
    let polls = counts.by_path["/measure"];
    assert!((2..=6).contains(&polls), "{polls} calls for {times} requests");
}

#[tokio::test]
async fn two_requests_at_once() {
    ask_at_once(2).await;
}

#[tokio::test]
async fn two_hundred_requests_at_once() {
    ask_at_once(200).await;
}
