//! New Partner passes the conformance suite.

use std::sync::Arc;

use partner_sdk::testkit::Conformance;

#[tokio::test]
async fn it_conforms() {
    Conformance::new(Arc::new(partner_new_partner::NewPartner))
        .token_reply(include_str!("../fixtures/token.json"), "")
        .feed(
            "weight",
            &[include_str!("../fixtures/weight-1.json")],
            include_str!("../fixtures/weight.expected.json"),
        )
        .run()
        .await;
}
