use serde_json::json;

use super::*;
use crate::settings::{Database, Mistakes};

const DATABASE: &str = "postgres://ann@db/syncwell";

fn load(toml: &str, environment: &[(&str, &str)]) -> Result<Settings, Mistakes> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), toml).unwrap();
    let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    Settings::from_layers(&[file.path().to_owned()], environment.collect::<Vec<_>>())
}

fn find<'a>(all: &'a [InForce], key: &str) -> &'a InForce {
    all.iter().find(|one| one.key == key).unwrap()
}

#[test]
fn each_setting_has_its_value_its_origin_and_its_meaning_and_secrets_have_none() {
    let settings = load(
        "[server]\nworkers = 3\n[database]\nurl = \"postgres://ann:hush-1@db/syncwell\"\n\
         [retention]\nsyncs = \"36h\"\ndeliveries = \"never\"\n\
         [partners.withings]\nclient_secret = \"hush-2\"\napi_url = \"https://a:hush-3@x.example/\"\n\
         limits = [{calls = 9, per = \"90s\", scope = \"connection\"}]",
        &[("SYNCWELL__PARTNERS__WITHINGS__VERIFY_CODE", "hush-4")],
    )
    .unwrap();
    let all = settings.in_force(&["withings", "runkeeper"], DATABASE);
    assert!(!format!("{all:?}").contains("hush"));
    for secret in ["hush-1", "hush-2", "hush-4"] {
        assert!(!format!("{settings:?}").contains(secret), "{secret}");
    }
    for key in known::keys("withings").iter().chain(&known::keys("runkeeper")) {
        let one = find(&all, key);
        assert!(!one.meaning.is_empty(), "{key}");
        assert_eq!(
            one.is_secret,
            ["client_secret", "verify_code"].iter().any(|it| key.ends_with(it))
        );
    }
    let shown = |key: &str| {
        let one = find(&all, key);
        (one.value.clone(), in_words(key, &one.value))
    };
    for (key, value, words) in [
        ("server.workers", json!(3), "3"),
        ("database.url", json!(DATABASE), DATABASE),
        ("retention.syncs", json!("36h"), "1 day 12 hours"),
        ("retention.deliveries", json!("never"), "never"),
        ("retention.changes", json!("90d"), "90 days"),
        ("scheduler.groups", json!(["5m", "20m", "1h"]), "5 minutes, 20 minutes, 1 hour"),
        ("scheduler.relax_when_notified", json!(true), "yes"),
        ("server.app_name", json!(""), "empty"),
        ("partners.runkeeper.limits", Value::Null, "not set"),
        (
            "partners.withings.limits",
            json!([{"calls": 9, "per": "90s", "scope": "connection", "window": "sliding", "counts": "all"}]),
            "9 calls in 1 minute 30 seconds for each connection",
        ),
    ] {
        assert_eq!(shown(key), (value, words.to_owned()), "{key}");
    }
    let code = find(&all, "partners.withings.verify_code");
    let variable = "SYNCWELL__PARTNERS__WITHINGS__VERIFY_CODE";
    assert_eq!(code.origin, Some(Origin::Variable(variable.into())));
    assert_eq!((code.is_set, code.variable.as_str()), (true, variable));
    assert!(!find(&all, "partners.runkeeper.client_secret").is_set);
    let workers = find(&all, "server.workers");
    assert!(matches!(workers.origin, Some(Origin::File { line: 2, .. })), "{workers:?}");
    assert_eq!(
        (workers.default.clone(), find(&all, "log.format").origin.clone()),
        (json!(2), None)
    );
}

#[test]
fn the_password_of_a_database_is_not_printed() {
    let url = "postgres://ann:hush@db/syncwell?password=hush".to_owned();
    let printed = format!("{:?}", Database { url, ..Database::default() });
    assert!(!printed.contains("hush") && printed.contains("readers: 4"), "{printed}");
}
