//! An administrator in a real browser, who looks for a user.

use partner_sandbox::TokenAction;

use crate::harness::{Daemon, empty_account, eventually, sandbox};
use crate::webdriver::{Browser, Screen};

#[tokio::test]
async fn an_administrator_finds_who_lost_access_reads_why_and_sees_it_turn_well() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let app = &daemon.app;
    empty_account(&sandbox, "withings", "ben");
    app.connect_account("ben", "withings", "ben").await;
    app.first_sync("ben", "withings").await;
    sandbox.control().tokens("withings", "ben", TokenAction::Revoke).unwrap();
    app.syncs_until_reconnect("ben", "withings").await;

    let browser = Browser::start(Screen::Desktop).await;
    browser.goto(&format!("{}/admin", daemon.address)).await;
    browser.page("Sign in – Syncwell").await;
    browser.enter("#key", &daemon.admin.key).await;
    browser.click("form button.main-act").await;
    browser.page("Nothing needs you – Syncwell").await;
    browser.enter("#q", "ben\u{e007}").await;
    browser.page("ben must reconnect Withings – Syncwell").await;
    let shown = async || {
        let text = browser.script("return document.querySelector('main').innerText").await;
        text.as_str().unwrap().to_owned()
    };
    let why = shown().await;
    assert!(why.contains("Withings does not accept this user's grant any more"), "{why}");
    assert!(why.contains("What mends it:"), "{why}");

    // The page that is open follows.
    app.connect_account("ben", "withings", "ben").await;
    let turned = async || shown().await.contains("ben’s data comes from Withings");
    assert!(eventually(turned).await, "{}", shown().await);
    assert_eq!(browser.console().await, Vec::<String>::new());
}
