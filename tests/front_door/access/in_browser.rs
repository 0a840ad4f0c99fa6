//! Signing in with a second factor in a real browser.

use super::people::code;
use super::{PASSWORD, done};
use crate::harness::{Daemon, eventually, sandbox};
use crate::webdriver::{Browser, Screen};

#[tokio::test]
async fn somebody_signs_in_with_a_code_and_signs_out() {
    let daemon = Daemon::start(&sandbox(), "").await;
    done(&daemon, &["admin", "create", "ann"], PASSWORD);
    let printed = done(&daemon, &["admin", "totp", "ann"], "");
    let browser = Browser::start(Screen::Phone).await;
    let is_at = async |path: &str| {
        let address = format!("{}{path}", daemon.address);
        eventually(async || browser.address().await == address).await
    };
    browser.goto(&format!("{}/admin/keys", daemon.address)).await;
    let enter = async |password: &str, code: &str| {
        browser.enter("#name", "ann").await;
        browser.enter("#password", password).await;
        browser.enter("#code", code).await;
        browser.click("form button.main-act").await;
    };
    enter("wrong password", "").await;
    let said = async || {
        let text =
            browser.script("return document.querySelector('#wrong')?.textContent || ''").await;
        text.as_str().unwrap().contains("is wrong")
    };
    assert!(eventually(said).await);
    browser.script("document.querySelector('#name').value = ''").await;
    enter(PASSWORD, &code(printed.lines().next().unwrap())).await;
    assert!(is_at("/admin/keys").await, "{}", browser.address().await);
    let seen = browser.script("return [document.cookie, document.body.textContent]").await;
    assert_eq!(seen[0], "", "a script can read the session");
    assert!(seen[1].as_str().unwrap().contains("Sign out everywhere"), "{seen}");
    browser.click("#h-people ~ form button").await;
    assert!(is_at("/admin/sign-in").await, "{}", browser.address().await);
}
