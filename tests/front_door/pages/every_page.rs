//! Every page in a real browser: it loads nothing from elsewhere, says nothing in the console, is no wider
//! than the window, and axe-core finds nothing in it.

use std::fs;

use partner_sandbox::Sandbox;
use reqwest::Method;
use serde_json::{Value, json};

use crate::clients::tools;
use crate::harness::{Daemon, empty_account, eventually, sandbox, stored_before, weight};
use crate::webdriver::{Browser, Screen};

/// A daemon that has something to show of everything: data, an error, and an endpoint that fails.
struct Shown {
    _sandbox: Sandbox,
    daemon: Daemon,
    addresses: Vec<String>,
}

async fn shown() -> Shown {
    let sandbox = sandbox();
    let settings = "[events]\nallow_private_targets = true\n";
    let daemon = Daemon::start(&sandbox, settings).await;
    let (app, control) = (&daemon.app, sandbox.control());
    for user in ["ann", "ben", "cid"] {
        for partner in ["withings", "runkeeper"] {
            empty_account(&sandbox, partner, user);
        }
        for day in 0..40_i64 {
            let grams = 71_000 + (day * 37) % 900 - day * 12;
            let at = weight(&control, grams, day * 24 * 60 + (day * 53) % 120);
            let item = stored_before(at, &control, day * 86_400);
            control.append("withings", user, "measure", vec![item]).unwrap();
        }
    }
    app.connect_account("ann", "withings", "ann").await;
    app.connect_account("ann", "runkeeper", "ann").await;
    app.connect_account("ben", "withings", "ben").await;
    app.first_sync("ann", "withings").await;
    app.first_sync("ben", "withings").await;
    let push = json!({"push": {"weight": true}}).to_string();
    let runkeeper = "/v1/users/ann/connections/runkeeper";
    let (status, answer) = app.call(Method::PATCH, runkeeper, Some(&push)).await;
    assert_eq!(status, 200, "{answer}");
    app.sync_ok("ann", "runkeeper").await;
    control.tokens("withings", "ben", partner_sandbox::TokenAction::Revoke).unwrap();
    app.syncs_until_reconnect("ben", "withings").await;
    let endpoint = json!({"url": "http://127.0.0.1:9/hook", "events": ["*"]}).to_string();
    let (status, endpoint) = app.call(Method::POST, "/v1/webhook-endpoints", Some(&endpoint)).await;
    assert_eq!(status, 201, "{endpoint}");
    let own = json!({"records": [{"app_id": "w-1", "start": "2026-03-04T06:15:00Z",
        "measurement": {"type": "weight", "value": 70.5}}]});
    let (status, _) = app.call(Method::POST, "/v1/users/ann/records", Some(&own.to_string())).await;
    assert!(status.is_success());
    let id = endpoint["id"].as_str().unwrap();
    let path = format!("/v1/webhook-endpoints/{id}");
    let failed = async || app.get(&path).await["failures"].as_u64().is_some_and(|it| it > 0);
    assert!(eventually(failed).await);
    let record = app.records("ann").await[0]["id"].as_str().unwrap().to_owned();
    let (status, link) = app.call(Method::POST, "/v1/users/ann/connect-link", Some("{}")).await;
    assert_eq!(status, 201, "{link}");
    let mut addresses: Vec<String> = [
        "/admin",
        "/admin?range=24h",
        "/admin/actors",
        "/admin/partners/withings",
        "/admin/users",
        "/admin/users?q=a",
        "/admin/users?q=nobody",
        "/admin/users/ann",
        "/admin/users/ben",
        "/admin/errors",
        "/admin/errors?state=closed",
        "/admin/audit",
        "/admin/webhooks",
        "/admin/keys",
        "/admin/settings",
        "/admin/there-is-no-such-page",
        "/docs",
    ]
    .map(str::to_owned)
    .to_vec();
    addresses.push(format!("/admin/webhooks/{id}"));
    addresses.push(format!("/admin/users/ann/records/{record}"));
    let url = link["url"].as_str().unwrap();
    addresses.push(url.strip_prefix(&daemon.address).unwrap().to_owned());
    Shown { _sandbox: sandbox, daemon, addresses }
}

/// What is wrong with the page that is open, in words.
async fn mistakes(browser: &Browser, screen: Screen, axe: &str, origin: &str) -> Vec<String> {
    let mut wrong = browser.console().await;
    let measured = browser
        .script(
            "const root = document.documentElement;
             return {lang: root.lang, width: window.innerWidth,
                 wide: Math.max(root.scrollWidth, document.body.scrollWidth),
                 headings: document.querySelectorAll('h1').length,
                 loads: performance.getEntriesByType('resource').map(r => r.name)}",
        )
        .await;
    if measured["lang"] != "en" || measured["headings"] != 1 {
        wrong.push(format!("no language, or not one heading: {measured}"));
    }
    for load in measured["loads"].as_array().unwrap() {
        if !load.as_str().unwrap().starts_with(origin) {
            wrong.push(format!("loads {load}"));
        }
    }
    let width = if screen == Screen::Phone { 360.0 } else { measured["width"].as_f64().unwrap() };
    if measured["wide"].as_f64().unwrap() > width {
        wrong.push(format!("is {} px wide", measured["wide"]));
    }
    browser.script(axe).await;
    let found = browser
        .script_until_called(
            "const done = arguments[arguments.length - 1];
             const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
             axe.run(document, {runOnly: tags, resultTypes: ['violations']}).then(
                 found => done(found.violations.map(it => it.id + ': ' + it.help + ' '
                     + it.nodes.map(node => node.target.join(' ') + ' ' + node.failureSummary).slice(0, 4).join('; '))),
                 error => done(['axe-core failed: ' + error]))",
        )
        .await;
    wrong.extend(found.as_array().unwrap().iter().map(Value::to_string));
    wrong
}

async fn look(screen: Screen, themes: &[&str]) {
    let shown = shown().await;
    let axe = tools().join("node/node_modules/axe-core/axe.min.js");
    let axe = fs::read_to_string(axe).unwrap();
    let pages = shown.daemon.sign_in().await;
    let browser = Browser::start(screen).await;
    let origin = &shown.daemon.address;
    browser.goto(&format!("{origin}/admin/sign-in")).await;
    let mut wrong = mistakes(&browser, screen, &axe, origin).await;
    browser.set_cookie(&pages.cookie).await;
    for address in &shown.addresses {
        for theme in themes {
            let joint = if address.contains('?') { '&' } else { '?' };
            browser.goto(&format!("{origin}{address}{joint}theme={theme}")).await;
            keep_picture(&browser, screen, theme, address).await;
            let found = mistakes(&browser, screen, &axe, origin).await;
            // A page that is not there is said so in the console.
            let is_expected = |it: &String| address.contains("no-such") && it.contains("404");
            let found = found.into_iter().filter(|it| !is_expected(it));
            wrong.extend(found.map(|it| format!("{address} {theme}: {it}")));
        }
    }
    // What is live has been replaced at least once.
    browser.goto(&format!("{origin}/admin")).await;
    let time = async || browser.script("return document.querySelector('#rendered').dateTime").await;
    let first = time().await;
    assert!(eventually(async || time().await != first).await, "nothing is live");
    wrong.extend(browser.console().await);
    assert!(wrong.is_empty(), "{screen:?}:\n{}", wrong.join("\n"));
}

/// Saves a picture of the page, if `SYNCWELL_SCREENS` names a folder.
async fn keep_picture(browser: &Browser, screen: Screen, theme: &str, address: &str) {
    let Some(folder) = std::env::var_os("SYNCWELL_SCREENS") else { return };
    if address == "/docs" {
        // Larger than a picture can be.
        return;
    }
    let name = format!("{screen:?} {theme} {}", address.split("/connect/").next().unwrap());
    let name: String =
        name.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '-' }).collect();
    let path = std::path::Path::new(&folder).join(format!("{}.base64", name.to_lowercase()));
    fs::write(path, browser.picture().await).unwrap();
}

/// Each theme on one screen, or on both for those who look at the pictures.
fn themes(own: &'static str) -> Vec<&'static str> {
    if std::env::var_os("SYNCWELL_SCREENS").is_some() { vec!["light", "dark"] } else { vec![own] }
}

#[tokio::test]
async fn every_page_is_sound_on_a_desktop() {
    look(Screen::Desktop, &themes("light")).await;
}

#[tokio::test]
async fn every_page_is_sound_on_a_phone() {
    look(Screen::Phone, &themes("dark")).await;
}
