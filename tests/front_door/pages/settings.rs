//! The settings in force are shown with what set them, and no secret is.

use serde_json::{Value, json};

use crate::harness::{Daemon, sandbox};

const CODE: &str = "SYNCWELL__PARTNERS__RUNKEEPER__VERIFY_CODE";

#[tokio::test]
async fn settings_are_shown_with_what_set_them_and_secrets_are_not() {
    let sandbox = sandbox();
    let extra = "[retention]\nsyncs = \"36h\"\n";
    let daemon = Daemon::start_with(&sandbox, extra, &[(CODE, "planted-code-4711")]).await;
    let list = daemon.admin.get("/admin/api/settings").await;
    let sections = list["sections"].as_array().unwrap();
    let all: Vec<&Value> =
        sections.iter().flat_map(|section| section["settings"].as_array().unwrap()).collect();
    let find = |key: &str| *all.iter().find(|one| one["key"] == key).unwrap();
    for setting in &all {
        assert!(setting["meaning"].as_str().is_some_and(|text| text.len() > 10), "{setting}");
    }
    let syncs = find("retention.syncs");
    assert_eq!((&syncs["value"], &syncs["in_words"]), (&json!("36h"), &json!("1 day 12 hours")));
    assert!(syncs["line"].is_u64() && syncs["file"].as_str().unwrap().ends_with("syncwell.toml"));
    assert_eq!(find("events.timeout")["set_by"], "default");
    let backfill = find("partners.withings.backfill");
    assert_eq!(backfill["set_by"], "partner", "{backfill}");
    assert!(backfill["in_words"].as_str().unwrap().ends_with(" days"), "{backfill}");
    let secret = find("partners.runkeeper.client_secret");
    assert_eq!((&secret["set_by"], &secret["is_set"]), (&json!("file"), &json!(true)), "{secret}");
    let code = find("partners.runkeeper.verify_code");
    assert_eq!((&code["set_by"], &code["variable"]), (&json!("variable"), &json!(CODE)));
    assert_eq!((&code["value"], &code["is_secret"]), (&Value::Null, &json!(true)), "{code}");

    let pages = daemon.sign_in().await;
    let (page, set) =
        (pages.page("/admin/settings").await, pages.page("/admin/settings?show=set").await);
    assert!(page.contains("events.timeout") && page.contains("15 seconds"), "{page}");
    assert!(set.contains(&format!("variable {CODE}")) && set.contains("1 day 12 hours"), "{set}");
    assert!(!set.contains("events.timeout"), "{set}");
    let secrets = ["withings", "runkeeper"].map(|partner| sandbox.client_secret(partner));
    for shown in [list.to_string(), page, set, daemon.log()] {
        assert!(!shown.contains("planted-code"), "{shown}");
        for secret in &secrets {
            assert!(!shown.contains(&**secret), "{shown}");
        }
    }
}
