//! Keys are replaced while the daemon works, through kills, and the replaced ones open nothing then.

use std::time::Duration;

use partner_sandbox::TokenAction;

use crate::harness::{Daemon, eventually, sandbox, values, weight};

fn status(daemon: &Daemon) -> String {
    let ended = daemon.command(&["secret", "status"]);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap()
}

async fn shows(daemon: &Daemon, what: &str) {
    let mut shown = String::new();
    let came = eventually(async || {
        shown = status(daemon);
        shown.contains(what)
    });
    assert!(came.await, "`{what}` is not in\n{shown}{}", daemon.log());
}

#[tokio::test]
async fn keys_are_replaced_while_syncs_go_on_and_through_kills() {
    const DONE: &str = "all with the keys in use, finished";
    let sandbox = sandbox();
    let mut daemon = Daemon::start(&sandbox, "").await;
    let control = sandbox.control();
    daemon.app.connect(&sandbox, "ann", "withings").await;
    daemon.app.connect(&sandbox, "bob", "withings").await;
    let mut grams = 70_000;
    let mut sync = async |daemon: &Daemon| {
        grams += 1;
        // Withings rejects an identical call within ten seconds (of the simulated clock).
        control.advance(Duration::from_secs(11));
        control.append("withings", "ann", "measure", vec![weight(&control, grams, 60)]).unwrap();
        control.tokens("withings", "ann", TokenAction::ExpireAccess).unwrap();
        let sync = daemon.app.sync_ok("ann", "withings").await;
        assert!(sync["summary"].as_str().unwrap().starts_with("got new tokens"), "{sync}");
        let found = values(&daemon.app.records("ann").await, "weight");
        assert!(found.contains(&(f64::from(i32::try_from(grams).unwrap()) / 1_000.0)), "{found:?}");
    };
    sync(&daemon).await;
    shows(&daemon, DONE).await;

    // New data keys: it rests before its last part, so the kill is in the middle.
    assert!(daemon.command(&["secret", "rotate"]).status.success());
    shows(&daemon, "again, with new data keys: ").await;
    sync(&daemon).await;
    daemon.kill();
    assert!(status(&daemon).contains("again, with new data keys"), "{}", status(&daemon));
    daemon.launch().await;
    sync(&daemon).await;
    shows(&daemon, DONE).await;
    sync(&daemon).await;
    assert!(daemon.stop().await.success());

    // A new master key, with the old one beside it.
    let key_file = daemon.files().into_iter().map(|(path, _)| path);
    let key_file = key_file.into_iter().find(|path| path.ends_with("syncwell.key")).unwrap();
    let old_file = key_file.with_file_name("syncwell.key.old");
    std::fs::rename(&key_file, &old_file).unwrap();
    let new = syncwell::vault::Vault::create_file(&key_file).unwrap().key_id();
    let check = daemon.command(&["check"]);
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    daemon.launch().await;
    shows(&daemon, "needed until sealing again is finished").await;
    sync(&daemon).await;
    daemon.kill();
    assert!(status(&daemon).contains("needed until"), "{}", status(&daemon));
    daemon.launch().await;
    shows(&daemon, "is not needed any more").await;
    assert!(daemon.log().contains("can be destroyed"), "{}", daemon.log());
    assert!(status(&daemon).contains(&new), "{}", status(&daemon));
    sync(&daemon).await;
    assert!(daemon.stop().await.success());

    let newest = std::fs::read(&key_file).unwrap();
    std::fs::rename(&old_file, &key_file).unwrap();
    let check = daemon.command(&["check"]);
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(!check.status.success() && said.contains("was sealed with the key"), "{said}");
    std::fs::write(&key_file, newest).unwrap();
    daemon.launch().await;
    sync(&daemon).await;
    let bob = daemon.app.sync_ok("bob", "withings").await;
    assert_eq!(bob["outcome"], "ok", "{bob}");
}
