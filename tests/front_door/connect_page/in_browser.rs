//! What an end user does on the page, in a real browser.

use partner_sandbox::TokenAction;
use reqwest::Method;
use serde_json::json;

use crate::browser::{ALLOW, DENY, has_no_errors, is_sound_in};
use crate::harness::{Daemon, empty_account, eventually, sandbox, weight};
use crate::webdriver::{Browser, Screen};

/// What the page says in one language.
struct Said {
    language: &'static str,
    services: &'static str,
    denied: &'static str,
    connected: &'static str,
    newest: &'static str,
    not_allowed: &'static str,
    question: &'static str,
    disconnected: &'static str,
    other: (&'static str, &'static str),
}

const ENGLISH: Said = Said {
    language: "en",
    services: "Your services – Lumo",
    denied: "Nothing was connected – Lumo",
    connected: "Withings is connected – Lumo",
    newest: "Newest: weight 70.1 kg, ",
    not_allowed: "Not allowed at RunKeeper. Reconnect to allow it.",
    question: "Disconnect Withings? – Lumo",
    disconnected: "Withings is disconnected. Your data stays in Lumo.",
    other: ("sv", "Dina tjänster – Lumo"),
};

const SWEDISH: Said = Said {
    language: "sv",
    services: "Dina tjänster – Lumo",
    denied: "Inget anslöts – Lumo",
    connected: "Withings är ansluten – Lumo",
    newest: "Senast: vikt 70,1 kg, ",
    not_allowed: "Inte tillåtet hos RunKeeper. Anslut igen för att tillåta det.",
    question: "Koppla från Withings? – Lumo",
    disconnected: "Withings är frånkopplad. Dina data finns kvar i Lumo.",
    other: ("en", "Your services – Lumo"),
};

const CONSENT: &str = "Allow access – Withings (simulated)";
const CONNECT: &str = "#withings .svc-head a.btn";

async fn text(browser: &Browser) -> String {
    browser.script("return document.querySelector('main').innerText").await.as_str().unwrap().into()
}

async fn shows(browser: &Browser, words: &str) {
    let shown = text(browser).await;
    assert!(shown.contains(words), "{words} is not in {shown}");
}

async fn an_end_user_connects_chooses_and_disconnects(screen: Screen, said: &Said) {
    let sandbox = sandbox();
    let name = [("SYNCWELL__SERVER__APP_NAME", "Lumo")];
    let daemon = Daemon::start_with(&sandbox, "", &name).await;
    let (app, control) = (&daemon.app, sandbox.control());
    for partner in ["withings", "runkeeper"] {
        empty_account(&sandbox, partner, "ann");
    }
    control.append("withings", "ann", "measure", vec![weight(&control, 70_100, 60)]).unwrap();
    let body = json!({"language": said.language, "return_url": "http://127.0.0.1:9/back"});
    let made =
        app.call(Method::POST, "/v1/users/ann/connect-link", Some(&body.to_string())).await.1;
    let browser = Browser::start(screen).await;
    let sound = async || {
        is_sound_in(&browser, screen, said.language).await;
        has_no_errors(&browser).await;
    };
    browser.goto(made["url"].as_str().unwrap()).await;
    browser.page(said.services).await;
    sound().await;
    let home = browser.address().await;

    // Denies once, then allows.
    browser.click(CONNECT).await;
    browser.page(CONSENT).await;
    browser.click(DENY).await;
    browser.page(said.denied).await;
    sound().await;
    browser.click("a.btn:not(.main-act)").await;
    browser.page(said.services).await;
    browser.click(CONNECT).await;
    browser.page(CONSENT).await;
    browser.click(ALLOW).await;
    browser.page(said.connected).await;
    sound().await;
    let way = browser.script("return document.querySelector('a.main-act').href").await;
    assert_eq!(way, "http://127.0.0.1:9/back?status=connected&partner=withings");
    app.first_sync("ann", "withings").await;
    browser.click("a.btn:not(.main-act)").await;
    browser.page(said.services).await;
    shows(&browser, said.newest).await;

    // Chooses a direction and kinds; a reload shows what was chosen.
    browser.click("#withings summary").await;
    browser.click("#withings input[value='poll.exercise']").await;
    sound().await;
    browser.click("#withings button[type=submit]").await;
    let saved = "return document.querySelector('#withings [role=status]') !== null";
    assert!(
        eventually(async || browser.script(saved).await == true).await,
        "{}",
        text(&browser).await
    );
    assert_eq!(app.connection("ann", "withings").await["poll"]["exercise"], false);
    // What the partner does not allow cannot be switched on here.
    let refused = json!({"kind": "partner_error", "body": {"reason": "Insufficient permission"}});
    let fault = json!({"on": {"path": "/nutrition"}, "fault": refused});
    control.add_fault("runkeeper", serde_json::from_value(fault).unwrap()).unwrap();
    app.connect(&sandbox, "ann", "runkeeper").await;
    browser.goto(&format!("{home}?saved=runkeeper")).await;
    let is_pushed = "return document.querySelector('#runkeeper [value^=\"push.weight\"]').checked";
    assert_eq!(browser.script(is_pushed).await, false);
    let disabled = "return document.querySelectorAll('#runkeeper input[disabled]').length";
    assert_eq!(browser.script(disabled).await, 1);
    shows(&browser, said.not_allowed).await;
    browser.click("#runkeeper input[value^='push.weight']").await;
    sound().await;
    browser.click("#runkeeper button[type=submit]").await;
    assert!(
        eventually(async || app.connection("ann", "runkeeper").await["push"]["weight"] == true)
            .await
    );
    browser.page(said.services).await;
    assert_eq!(browser.script(is_pushed).await, true);
    let is_off = "return !document.querySelector('#withings [value=\"poll.exercise\"]').checked";
    assert_eq!(browser.script(is_off).await, true);

    // The partner ends the access: one click connects again.
    control.tokens("withings", "ann", TokenAction::Revoke).unwrap();
    app.syncs_until_reconnect("ann", "withings").await;
    browser.goto(&home).await;
    browser.page(said.services).await;
    sound().await;
    browser.click("#withings.is-warn a.main-act").await;
    browser.page(CONSENT).await;
    browser.click(ALLOW).await;
    browser.page(said.connected).await;
    browser.click("a.btn:not(.main-act)").await;
    browser.page(said.services).await;

    // Disconnects, having been asked.
    browser.click("#withings summary").await;
    browser.click("#withings a.risk-text").await;
    browser.page(said.question).await;
    sound().await;
    assert_eq!(app.connection("ann", "withings").await["status"], "connected");
    browser.click("form button.risk").await;
    browser.page(said.services).await;
    shows(&browser, said.disconnected).await;
    assert_eq!(app.connection("ann", "withings").await["status"], "disconnected");
    sound().await;

    let (language, services) = said.other;
    browser.click(&format!("a[hreflang={language}]")).await;
    browser.page(services).await;
    is_sound_in(&browser, screen, language).await;
    has_no_errors(&browser).await;
}

#[tokio::test]
async fn an_end_user_connects_on_a_phone_in_swedish() {
    an_end_user_connects_chooses_and_disconnects(Screen::Phone, &SWEDISH).await;
}

#[tokio::test]
async fn an_end_user_connects_at_a_desk_in_english() {
    an_end_user_connects_chooses_and_disconnects(Screen::Desktop, &ENGLISH).await;
}
