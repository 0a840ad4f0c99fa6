//! The simulated partners as a program of their own.

use super::{Home, syncwell};
use crate::harness::{HostApp, eventually};
use crate::ports;
use crate::process::Running;

#[tokio::test]
async fn the_settings_the_sandbox_prints_are_those_a_daemon_needs() {
    let home = Home::new();
    let mut sandbox =
        Running::start(&mut syncwell(home.path(), &["sandbox", "--listen", "127.0.0.1:0"]));
    sandbox.line_with("Ctrl-C ends them").await;
    // That line comes another way than the settings; this is their last.
    sandbox.line_with("/withings/v2/oauth2\"").await;
    let whole =
        |text: &str| text.contains("revoke_url = \"") && text.matches("/v2/oauth2\"").count() == 2;
    assert!(eventually(async || whole(&sandbox.printed())).await, "{}", sandbox.printed());
    let printed = sandbox.printed();
    let settings: String = printed
        .lines()
        .filter(|line| !line.contains("Ctrl-C ends them"))
        .map(|line| format!("{line}\n"))
        .collect();
    settings.parse::<toml::Table>().unwrap_or_else(|error| panic!("{error}: {printed}"));
    let port = ports::free();
    let address = format!("http://127.0.0.1:{port}");
    let settings = format!(
        "{settings}\n[server]\nlisten = \"127.0.0.1:{port}\"\npublic_url = \"{address}\"\n\
         [database]\nurl = \"sqlite:test.db\"\n"
    );
    assert!(home.run(&settings, &["migrate"]).well);
    let key = home.run(&settings, &["key", "create", "--scope", "app"]).out.trim().to_owned();
    let mut daemon =
        Running::start(&mut syncwell(home.path(), &["serve", "--config", "settings.toml"]));
    daemon.line_with("syncwell is listening").await;
    let app = HostApp { client: partner_sdk::http_client().unwrap(), address, key };
    let ready = eventually(async || {
        let answer = app.client.get(format!("{}/readyz", app.address)).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    });
    assert!(ready.await, "{}", daemon.printed());
    for partner in ["withings", "runkeeper"] {
        app.connect_account("ann", partner, "account-1").await;
        app.first_sync("ann", partner).await;
    }
    let records = eventually(async || app.records("ann").await.len() > 50).await;
    assert!(records, "{:?}", app.timeline("ann").await);
    for process in [&mut daemon, &mut sandbox] {
        process.signal("TERM");
        let status = process.ended().await;
        assert!(status.success(), "{status}: {}", process.printed());
    }
}

#[tokio::test]
async fn its_address_shows_a_person_what_runs_and_its_mistakes_have_words() {
    let sandbox = crate::harness::sandbox();
    let client = partner_sdk::http_client().unwrap();
    let page = client.get(format!("{}/", sandbox.url())).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    for words in ["withings", "fatsecret", "/control/withings/counts", "advance_seconds"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    crate::harness::empty_account(&sandbox, "withings", "ann");
    for (path, status, kind, words) in [
        ("control/withings/accounts/ann/tokens", 400, "invalid", "`expire_access`, `kill_refresh`"),
        ("control/bogus/counts/reset", 404, "not-found", "there is no partner “bogus”"),
        ("bogus", 404, "not-found", "GET / shows what runs"),
    ] {
        let request = client.post(format!("{}/{path}", sandbox.url())).body(r#"{"do":"bogus"}"#);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let problem: serde_json::Value =
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!(problem["type"], format!("urn:syncwell-sandbox:problem:{kind}"));
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
}
