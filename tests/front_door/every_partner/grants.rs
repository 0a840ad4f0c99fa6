//! Grants that are alive although the partner's answers are strange: none of them ends a connection.

use chrono::TimeDelta;
use partner_sandbox::TokenAction;
use reqwest::header::LOCATION;
use serde_json::{Value, json};

use super::{PartnerFixture, of_item};
use crate::partners::Known;

impl PartnerFixture {
    fn fault(&self, rule: Value) {
        self.control.add_fault(self.known.name, serde_json::from_value(rule).unwrap()).unwrap();
    }

    /// The path of token calls, below the partner's own address.
    fn token_path(&self) -> String {
        let urls = self.sandbox.urls(self.known.name);
        urls.token_url.strip_prefix(&urls.api_url).unwrap().to_owned()
    }

    fn refreshes(&self) -> u64 {
        self.control.counts(self.known.name).unwrap().refreshes
    }

    async fn is_tried_again(&self, why: &str) {
        let connection = self.connection().await;
        assert_eq!(connection["status"], "connected", "{why}: {connection}");
        assert!(connection["next_poll_at"].is_string(), "{why}: {connection}");
    }
}

pub(super) async fn outlives_refused_tokens(known: &'static Known) {
    if !known.refreshes {
        return;
    }
    let mut fixture = PartnerFixture::connected(known).await;
    let (_, item) = fixture.append(&known.resources[0], fixture.ago(TimeDelta::minutes(30)));
    fixture.fault(json!({"fault": {"kind": "refuse_token"}}));
    for round in 0..3 {
        if round == 2 {
            fixture.daemon.kill();
            fixture.daemon.launch().await;
        }
        let sync = fixture.sync().await;
        assert_eq!(sync["outcome"], "failed", "{sync}");
        let connection = fixture.connection().await;
        assert_eq!(connection["last_error"]["code"], "transient", "{connection}");
        fixture.is_tried_again("refused tokens").await;
        assert_eq!(fixture.refreshes(), 1, "tokens are not renewed more often, round {round}");
    }
    fixture.control.clear_faults(known.name).unwrap();
    fixture.sync_ok().await;
    assert!(!of_item(&fixture.records().await, &item).is_empty());
    assert_eq!(fixture.refreshes(), 1);
    // It is over: a token that expires now is renewed at once.
    fixture.control.tokens(known.name, "ann", TokenAction::ExpireAccess).unwrap();
    fixture.sync_ok().await;
    assert_eq!(fixture.refreshes(), 2);
}

pub(super) async fn outlives_pages_at_the_token_address(known: &'static Known) {
    if !known.refreshes {
        return;
    }
    let fixture = PartnerFixture::connected(known).await;
    let path = fixture.token_path();
    for status in [400, 401, 403, 404, 410, 500, 200] {
        fixture.control.tokens(known.name, "ann", TokenAction::ExpireAccess).unwrap();
        let page = json!({"kind": "page", "status": status});
        let bare = json!({"kind": "status", "status": status, "body": "{}",
                          "content_type": "application/json"});
        let faults = if status == 410 { vec![page] } else { vec![page, bare] };
        for fault in faults {
            // Until it is cleared: each feed tries to get new tokens.
            fixture.fault(json!({"on": {"path": path}, "fault": fault}));
            let sync = fixture.sync().await;
            assert_eq!(sync["outcome"], "failed", "{fault}: {sync}");
            fixture.is_tried_again(&fault.to_string()).await;
            fixture.control.clear_faults(known.name).unwrap();
        }
        fixture.sync_ok().await;
    }
    assert_eq!(fixture.control.counts(known.name).unwrap().refresh_token_reuse, 0);
}

pub(super) async fn takes_no_empty_field_for_a_value(known: &'static Known) {
    if !known.refreshes {
        return;
    }
    let fixture = PartnerFixture::new(known, "UTC", 0).await;
    let path = fixture.token_path();
    let wrong = [json!(""), json!(" "), Value::Null, json!([]), json!({"a": 1})];
    let set = |fields: Value| {
        json!({"on": {"path": path}, "times": 1,
               "fault": {"kind": "token_fields", "fields": fields}})
    };
    fixture.fault(set(json!({"scope": "", "expires_in": [], "token_type": null})));
    fixture.connect().await;
    let connection = fixture.connection().await;
    assert_eq!(connection["switched_off"], json!({}), "{connection}");
    for value in &wrong {
        fixture.control.tokens(known.name, "ann", TokenAction::ExpireAccess).unwrap();
        fixture.fault(set(json!({"scope": value, "expires_in": value, "token_type": value})));
        fixture.sync_ok().await;
    }
    for value in wrong.iter().chain([&json!(7)]) {
        fixture.control.tokens(known.name, "ann", TokenAction::ExpireAccess).unwrap();
        // Not served: a served answer would replace the refresh token at some partners.
        let tokens = json!({"access_token": value, "refresh_token": "", "expires_in": 3_600});
        let body = match known.name {
            "withings" => json!({"status": 0, "body": tokens}),
            _ => tokens,
        };
        let answer = json!({"kind": "status", "status": 200, "body": body.to_string(),
                            "content_type": "application/json"});
        fixture.fault(json!({"on": {"path": path}, "fault": answer}));
        let sync = fixture.sync().await;
        assert_eq!(sync["outcome"], "failed", "{value}: {sync}");
        fixture.is_tried_again(&value.to_string()).await;
        fixture.control.clear_faults(known.name).unwrap();
        fixture.sync_ok().await;
    }
}

pub(super) async fn answers_a_callback_again(known: &'static Known) {
    let mut fixture = PartnerFixture::new(known, "UTC", 0).await;
    let app = fixture.app().clone();
    let begin = r#"{"return_url":"http://127.0.0.1:9/done"}"#;
    for (body, decision, status) in
        [(begin, "allow", 303), ("{}", "allow", 200), (begin, "deny", 303), ("{}", "deny", 200)]
    {
        let url = app.authorize("ann", known.name, body).await;
        let back = app.decide(&url, "ann", decision).await;
        let exchanged = fixture.control.counts(known.name).unwrap().codes_exchanged;
        // Others than the user's browser look at the address first; that spends nothing.
        let head = app.client.head(&back).send().await.unwrap();
        assert_eq!((head.status().as_u16(), head.content_length()), (200, Some(0)));
        for (name, value) in
            [("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch"), ("x-moz", "prefetch")]
        {
            let ahead = app.client.get(&back).header(name, value).send().await.unwrap();
            assert_eq!(ahead.status(), 503, "{name}");
            assert_eq!(ahead.headers()["cache-control"], "no-store");
        }
        let mut answers = Vec::new();
        for visit in 0..3 {
            if visit == 2 {
                fixture.daemon.kill();
                fixture.daemon.launch().await;
            }
            let answer = app.client.get(&back).send().await.unwrap();
            assert_eq!(answer.status(), status, "{decision}, visit {visit}");
            let location = answer.headers().get(LOCATION).cloned();
            answers.push((location, answer.text().await.unwrap()));
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{answers:?}");
        let now = fixture.control.counts(known.name).unwrap().codes_exchanged;
        assert_eq!(now - exchanged, u64::from(decision == "allow"));
        let lines = app.timeline("ann").await;
        let last = lines.iter().find(|line| line["cause"] == "connect").unwrap();
        let expected = if decision == "allow" { ["connected", "ok"] } else { ["denied"; 2] };
        assert!(expected.contains(&last["outcome"].as_str().unwrap()), "{last}");
    }
}
