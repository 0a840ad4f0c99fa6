//! What the log says: of a normal day a few lines, of a flood its number.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Daemon, empty_account, eventually, sandbox};

fn lines_with(log: &str, text: &str) -> usize {
    log.lines().filter(|line| line.contains(text)).count()
}

#[tokio::test]
async fn a_flood_of_one_error_is_a_few_lines_and_their_number() {
    for format in ["text", "json"] {
        let environment = [("SYNCWELL__LOG__FORMAT", format)];
        let mut daemon = Daemon::start_with(&sandbox(), "", &environment).await;
        daemon.stop().await;
        // Whatever changes a record fails from now on.
        daemon.rewrite("ALTER TABLE changes RENAME TO taken_away");
        daemon.launch().await;
        let posts = (0..300).map(|number| {
            let app = daemon.app.clone();
            async move {
                let value = json!({"type": "weight", "value": 70, "unit": "kg"});
                let start = "2026-11-22T07:15:00Z";
                let record =
                    json!({"app_id": format!("w-{number}"), "start": start, "measurement": value});
                let body = json!({"records": [record]}).to_string();
                app.call(Method::POST, "/v1/users/ann/records", Some(&body)).await.0
            }
        });
        for status in futures_util::future::join_all(posts).await {
            assert_eq!(status, 503);
        }
        let failed = "the store failed while answering a request";
        assert_eq!(lines_with(&daemon.log(), failed), 5, "{}", daemon.log());
        assert!(daemon.log().lines().count() < 40, "{}", daemon.log());
        daemon.stop().await;
        let end = format!("… and 295 more like it within a minute: {failed}");
        assert!(
            eventually(async || lines_with(&daemon.log(), &end) == 1).await,
            "{}",
            daemon.log()
        );
    }
}

#[tokio::test]
async fn a_normal_day_is_a_few_lines_that_lead_to_users() {
    let sandbox = sandbox();
    let environment = [("SYNCWELL__LOG__FILTER", "info"), ("SYNCWELL__LOG__FORMAT", "json")];
    let mut daemon = Daemon::start_with(&sandbox, "", &environment).await;
    empty_account(&sandbox, "withings", "account-1");
    daemon.app.connect_account("ann", "withings", "account-1").await;
    daemon.app.first_sync("ann", "withings").await;
    sandbox
        .control()
        .tokens("withings", "account-1", partner_sandbox::TokenAction::Revoke)
        .unwrap();
    daemon.app.sync("ann", "withings").await;
    daemon.app.connect_account("ann", "withings", "account-1").await;
    daemon.app.call(Method::DELETE, "/v1/users/ann/connections/withings", None).await;
    // What is no HTTP is nobody's error.
    let client = std::net::TcpStream::connect(daemon.address.strip_prefix("http://").unwrap());
    std::io::Write::write_all(&mut client.unwrap(), b"\x16\x03\x01 hello\r\n\r\n").unwrap();
    assert!(daemon.stop().await.success());
    assert!(eventually(async || daemon.log().contains("\"stopped\"")).await, "{}", daemon.log());
    let log = daemon.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = |message: &str| {
        let found = lines.iter().find(|line| line["message"] == message);
        found.unwrap_or_else(|| panic!("no `{message}` in {log}"))
    };
    let first = &lines[0];
    assert_eq!(first["message"], "syncwell is starting");
    assert_eq!(first["version"], env!("CARGO_PKG_VERSION"));
    assert!(first["settings"].as_str().unwrap().ends_with("syncwell.toml"), "{first}");
    assert!(!first["database"].as_str().unwrap().is_empty(), "{first}");
    assert_eq!(lines.last().unwrap()["message"], "stopped");
    assert_eq!(line("the user must connect again")["level"], "WARN");
    for message in
        ["a user has connected", "the user must connect again", "a user has disconnected"]
    {
        assert!(line(message)["connection.id"].is_i64(), "{}", line(message));
    }
    let nested = lines.iter().flat_map(|line| line.as_object().unwrap().values());
    assert!(nested.clone().all(|value| !value.is_object()), "flat: {log}");
    assert!(!log.contains("actix_http") && !log.contains("ann\""), "{log}");
    assert!(lines.len() < 20, "{log}");

    daemon.launch().await;
    let id = line("a user has connected")["connection.id"].clone();
    let owner = daemon.admin.get(&format!("/admin/api/connections/{id}")).await;
    assert_eq!(
        owner,
        json!({"id": id, "user_id": "ann", "partner": "withings", "status": "disconnected"})
    );
    let path = format!("/admin/api/connections/{id}");
    assert_eq!(daemon.app.call(Method::GET, &path, None).await.0, 403, "only an admin may ask");
    assert_eq!(daemon.admin.call(Method::GET, "/admin/api/connections/999", None).await.0, 404);
}

#[tokio::test]
async fn each_line_of_a_sync_has_its_id_and_its_connection() {
    let sandbox = sandbox();
    let environment = [("SYNCWELL__LOG__FORMAT", "json")];
    let daemon = Daemon::start_of(&["withings"], &sandbox, "", &environment).await;
    for user in ["ann", "ben"] {
        daemon.app.connect(&sandbox, user, "withings").await;
    }
    let broken = json!({"fault": {"kind": "status", "status": 500}});
    let control = sandbox.control();
    control.add_fault("withings", serde_json::from_value(broken).unwrap()).unwrap();
    daemon.app.sync("ann", "withings").await;
    daemon.app.sync("ben", "withings").await;
    let ended = eventually(async || lines_with(&daemon.log(), "\"sync failed\"") == 2).await;
    assert!(ended, "{}", daemon.log());
    let log = daemon.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |message: &str| -> Vec<(String, i64)> {
        let found = lines.iter().filter(|line| line["message"] == message);
        let ids = |line: &Value| {
            let id = line["sync.id"].as_str();
            let id = id.unwrap_or_else(|| panic!("no sync.id: {line}")).to_owned();
            (id, line["connection.id"].as_i64().unwrap())
        };
        found.map(ids).collect()
    };
    let (ended, failed) = (of("sync ended"), of("sync failed"));
    assert!(ended.len() >= 4, "{log}");
    assert_eq!(failed.len(), 2, "{log}");
    assert!(failed.iter().all(|ids| ended.contains(ids)), "both lines of a sync name it: {log}");
    let different: std::collections::HashSet<&String> = ended.iter().map(|(id, _)| id).collect();
    assert_eq!(different.len(), ended.len(), "each sync has an id of its own: {log}");
}
