//! What a user sees in a real browser: the partner's page, then the daemon's final page.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use partner_sandbox::Sandbox;
use serde_json::Value;

use crate::harness::{Daemon, empty_account, sandbox};
use crate::webdriver::{Browser, Screen};

const CONSENT: &str = "Allow access – Withings (simulated)";
pub(crate) const ALLOW: &str = "button[value=allow]";
pub(crate) const DENY: &str = "button[value=deny]";

/// Starts a daemon, a sandbox with one account, and a browser on the partner's page.
async fn at_the_partner(screen: Screen, begin: &str) -> (Sandbox, Daemon, Browser) {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    empty_account(&sandbox, "withings", "ann");
    let url = daemon.app.authorize("ann", "withings", begin).await;
    let browser = Browser::start(screen).await;
    browser.goto(&url).await;
    browser.page(CONSENT).await;
    (sandbox, daemon, browser)
}

/// Checks what every page must fulfil: usable with a screen reader, loads nothing from elsewhere, and no
/// wider than the window.
async fn is_sound(browser: &Browser, screen: Screen) {
    is_sound_in(browser, screen, "en").await;
}

/// The same in another language.
pub(crate) async fn is_sound_in(browser: &Browser, screen: Screen, language: &str) {
    let title = browser.title().await;
    let measured = browser
        .script(
            "const root = document.documentElement, body = document.body;
             return {lang: root.lang, width: window.innerWidth,
                 wide: Math.max(root.scrollWidth, body.scrollWidth),
                 headings: [...document.querySelectorAll('h1')].map(h => h.textContent.trim()),
                 mains: document.querySelectorAll('main').length,
                 loads: performance.getEntriesByType('resource').map(r => r.name)
                     .filter(name => !name.startsWith(location.origin + '/')),
                 mode: document.compatMode, charset: document.characterSet,
                 small: [...document.querySelectorAll('button')]
                     .filter(b => b.getBoundingClientRect().height < 24).length}",
        )
        .await;
    assert_eq!(measured["lang"], language, "{title}");
    assert_eq!((&measured["mode"], &measured["charset"]), (&"CSS1Compat".into(), &"UTF-8".into()));
    assert_eq!(measured["mains"], 1, "{title}");
    let headings = measured["headings"].as_array().unwrap();
    assert!(headings.len() == 1 && headings[0] != "", "{title}: {measured}");
    assert_eq!(measured["loads"], Value::Array(Vec::new()), "{title} loads something");
    assert_eq!(measured["small"], 0, "{title}: buttons too small for a finger");
    // On a phone, a page that is too wide or sets no viewport makes the viewport wider.
    let (wide, width) = (measured["wide"].as_f64().unwrap(), measured["width"].as_f64().unwrap());
    let window = if screen == Screen::Phone { 360.0 } else { width };
    let wide = wide.max(width);
    assert!(wide <= window, "{title} is {wide} px wide in a window of {window} px");
    keep_picture(browser, &format!("{screen:?} {title}")).await;
}

pub(crate) async fn has_no_errors(browser: &Browser) {
    assert_eq!(browser.console().await, Vec::<String>::new(), "the console has messages");
}

/// Saves a screenshot of the page, if `SYNCWELL_SCREENS` names a folder.
pub(crate) async fn keep_picture(browser: &Browser, name: &str) {
    let Some(folder) = std::env::var_os("SYNCWELL_SCREENS") else { return };
    let name: String = name
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
        .collect();
    let path = std::path::Path::new(&folder).join(format!("{}.base64", name.to_lowercase()));
    std::fs::write(path, browser.screenshot().await).unwrap();
}

async fn allowing_connects(screen: Screen) {
    let (_sandbox, daemon, browser) = at_the_partner(screen, "{}").await;
    is_sound(&browser, screen).await;
    browser.click(ALLOW).await;
    browser.page("Withings is connected").await;
    assert!(browser.address().await.starts_with(&daemon.address), "the page is the daemon's");
    is_sound(&browser, screen).await;
    let text = browser.script("return document.body.innerText").await;
    assert!(text.as_str().unwrap().contains("You can close this page"), "{text}");
    has_no_errors(&browser).await;
    assert_eq!(daemon.app.connection("ann", "withings").await["status"], "connected");
    daemon.app.first_sync("ann", "withings").await;
}

#[tokio::test]
async fn allowing_at_the_partner_connects() {
    allowing_connects(Screen::Desktop).await;
}

#[tokio::test]
async fn allowing_at_the_partner_connects_on_a_phone() {
    allowing_connects(Screen::Phone).await;
}

#[tokio::test]
async fn denying_at_the_partner_says_that_nothing_was_connected() {
    let (_sandbox, daemon, browser) = at_the_partner(Screen::Phone, "{}").await;
    browser.click(DENY).await;
    browser.page("Nothing was connected").await;
    is_sound(&browser, Screen::Phone).await;
    has_no_errors(&browser).await;
    let path = "/v1/users/ann/connections/withings";
    let (status, _) = daemon.app.call(reqwest::Method::GET, path, None).await;
    assert_eq!(status, 404);
}

/// Serves a page of a host app on a free port; returns its address and the request lines it gets.
fn host_app() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (requests, seen) = channel();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().map_while(Result::ok) {
            let mut line = String::new();
            BufReader::new(&connection).read_line(&mut line).unwrap_or_default();
            let page = "<!doctype html><html lang=\"en\"><title>Back in the app</title>\
                <link rel=\"icon\" href=\"data:,\"><p>Welcome back";
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}", page.len());
            let answer =
                format!("{head}\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n{page}");
            connection.write_all(answer.as_bytes()).unwrap_or_default();
            if requests.send(line).is_err() {
                return;
            }
        }
    });
    (address, seen)
}

#[tokio::test]
async fn the_browser_comes_back_to_the_app_with_how_it_ended() {
    for (button, status) in [(ALLOW, "connected"), (DENY, "denied")] {
        let (address, seen) = host_app();
        let begin = format!(r#"{{"return_url":"{address}/health?tab=2"}}"#);
        let (_sandbox, _daemon, browser) = at_the_partner(Screen::Desktop, &begin).await;
        browser.click(button).await;
        browser.page("Back in the app").await;
        let expected = format!("{address}/health?tab=2&status={status}&partner=withings");
        assert_eq!(browser.address().await, expected);
        let request = seen.iter().find(|line| line.contains("/health")).unwrap();
        assert!(!request.contains("code=") && !request.contains("state="), "{request}");
        let referrer = browser.script("return document.referrer").await;
        let referrer = referrer.as_str().unwrap();
        assert!(!referrer.contains("code=") && !referrer.contains("state="), "{referrer}");
        has_no_errors(&browser).await;
    }
}

#[tokio::test]
async fn a_used_link_says_so_and_how_to_continue() {
    let (_sandbox, daemon, browser) = at_the_partner(Screen::Phone, "{}").await;
    browser.click(ALLOW).await;
    browser.page("Withings is connected").await;
    has_no_errors(&browser).await;
    // A reload shows the same page; another code for the same link does not work.
    let used = browser.address().await;
    browser.goto(&used).await;
    browser.page("Withings is connected").await;
    browser.goto(&used.replace("code=", "code=another-")).await;
    browser.page("This link has run out").await;
    is_sound(&browser, Screen::Phone).await;
    let text = browser.script("return document.body.innerText").await;
    assert!(text.as_str().unwrap().contains("Open the app and start again"), "{text}");
    // The browser itself logs the response status; the page must log nothing else.
    let console = browser.console().await;
    let of_status = |line: &String| line.contains("status of 400");
    assert!(console.iter().all(of_status) && console.len() <= 1, "{console:?}");
    assert_eq!(daemon.app.connection("ann", "withings").await["status"], "connected");
}
