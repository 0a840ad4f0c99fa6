//! A real Chromium, controlled through chromedriver over plain HTTP.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use partner_sdk::http_client;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::eventually;
use crate::process::Running;

/// The window size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    Desktop,
    /// 360 pixels wide, with a touch screen; the `viewport` meta tag applies.
    Phone,
}

/// One browser with one window; closed when dropped, with all its files removed.
pub(crate) struct Browser {
    client: Client,
    session: String,
    _driver: Driver,
}

/// A running chromedriver and the folder its browser writes to.
struct Driver {
    _process: Running,
    address: String,
    profile: TempDir,
}

impl Driver {
    async fn start() -> Self {
        let found = Command::new("chromedriver").arg("--version").output();
        assert!(
            found.is_ok_and(|output| output.status.success()),
            "chromedriver is not installed, and these tests need a real browser: \
             apt-get install chromium chromium-driver"
        );
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("chromedriver");
        let mut process = Running::start(command.arg("--port=0").env("TMPDIR", profile.path()));
        let started = process.line_with("started successfully on port").await;
        let port = started.trim_end_matches('.').rsplit(' ').next().unwrap();
        let address = format!("127.0.0.1:{port}");
        Self { _process: process, address, profile }
    }

    /// Asks it to close its browser and itself, which a signal would not do.
    fn shut_down(&self) -> std::io::Result<()> {
        let mut connection = TcpStream::connect(&self.address)?;
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        let head = format!("GET /shutdown HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        connection.write_all(head.as_bytes())?;
        // It closes the connection when it exits.
        connection.read_to_end(&mut Vec::new()).map(drop)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // If this fails, the process is killed next.
        self.shut_down().unwrap_or_default();
    }
}

impl Browser {
    pub(crate) async fn start(screen: Screen) -> Self {
        let driver = Driver::start().await;
        let mut flags: Vec<String> = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
        ]
        .map(str::to_owned)
        .to_vec();
        flags.push(format!("--user-data-dir={}", driver.profile.path().join("user").display()));
        let mut options = json!({ "args": flags });
        if screen == Screen::Phone {
            let metrics = json!({"width": 360, "height": 740, "pixelRatio": 2, "touch": true});
            options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
        }
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let client = http_client().unwrap();
        let address = format!("http://{}/session", driver.address);
        let answer = client.post(address).body(wanted.to_string()).send().await.unwrap();
        let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let id = body["value"]["sessionId"].as_str();
        assert!(id.is_some(), "Chromium does not start: {body}");
        let id = id.unwrap();
        Self { session: format!("http://{}/session/{id}", driver.address), client, _driver: driver }
    }

    async fn command(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut request = self.client.request(method, format!("{}{path}", self.session));
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let mut body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert!(body["value"]["error"].is_null(), "{path}: {body}");
        body["value"].take()
    }

    pub(crate) async fn goto(&self, address: &str) {
        self.command(Method::POST, "/url", Some(json!({ "url": address }))).await;
    }

    pub(crate) async fn address(&self) -> String {
        self.command(Method::GET, "/url", None).await.as_str().unwrap().to_owned()
    }

    pub(crate) async fn title(&self) -> String {
        self.command(Method::GET, "/title", None).await.as_str().unwrap().to_owned()
    }

    /// Runs a script in the page; returns its result.
    pub(crate) async fn script(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.command(Method::POST, "/execute/sync", Some(body)).await
    }

    /// Runs a script that ends by calling its last argument; returns what it was called with.
    pub(crate) async fn script_until_called(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.command(Method::POST, "/execute/async", Some(body)).await
    }

    /// Sets a cookie of the site that is open.
    pub(crate) async fn set_cookie(&self, cookie: &str) {
        let (name, value) = cookie.split_once('=').unwrap();
        let cookie = json!({"name": name, "value": value, "path": "/", "httpOnly": true});
        self.command(Method::POST, "/cookie", Some(json!({ "cookie": cookie }))).await;
    }

    /// Types into the element that the selector finds.
    pub(crate) async fn enter(&self, selector: &str, text: &str) {
        let body = json!({"using": "css selector", "value": selector});
        let element = self.command(Method::POST, "/element", Some(body)).await;
        let id = element.as_object().unwrap().values().next().unwrap().as_str().unwrap();
        let path = format!("/element/{id}/value");
        self.command(Method::POST, &path, Some(json!({ "text": text }))).await;
    }

    /// A picture of the whole page, also of what is below the window, in base64.
    pub(crate) async fn picture(&self) -> String {
        let command =
            json!({"cmd": "Page.captureScreenshot", "params": {"captureBeyondViewport": true}});
        let answer = self.command(Method::POST, "/goog/cdp/execute", Some(command)).await;
        answer["data"].as_str().unwrap().to_owned()
    }

    /// Clicks the element that the selector finds.
    pub(crate) async fn click(&self, selector: &str) {
        let body = json!({"using": "css selector", "value": selector});
        let element = self.command(Method::POST, "/element", Some(body)).await;
        let id = element.as_object().unwrap().values().next().unwrap().as_str().unwrap();
        let path = format!("/element/{id}/click");
        self.command(Method::POST, &path, Some(json!({}))).await;
    }

    /// Waits for the page with this title.
    pub(crate) async fn page(&self, title: &str) {
        let came = eventually(async || self.title().await == title).await;
        assert!(came, "not “{title}” but “{}” at {}", self.title().await, self.address().await);
    }

    /// The console messages since the last call.
    pub(crate) async fn console(&self) -> Vec<String> {
        let log = self.command(Method::POST, "/se/log", Some(json!({"type": "browser"}))).await;
        let entries = log.as_array().unwrap().iter();
        entries.map(|entry| format!("{} {}", entry["level"], entry["message"])).collect()
    }

    /// A screenshot of the page, in base64.
    pub(crate) async fn screenshot(&self) -> String {
        self.command(Method::GET, "/screenshot", None).await.as_str().unwrap().to_owned()
    }
}
