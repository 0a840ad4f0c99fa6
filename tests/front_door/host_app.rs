//! A client of the API, and its users' browsers.

use partner_sandbox::Sandbox;
use reqwest::header::LOCATION;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use crate::harness::{empty_account, eventually};

/// A client of the API with one key.
#[derive(Clone)]
pub(crate) struct HostApp {
    pub(crate) client: Client,
    pub(crate) address: String,
    pub(crate) key: String,
}

impl HostApp {
    pub(crate) fn new(address: String, key: String) -> Self {
        Self { client: partner_sdk::http_client().unwrap(), address, key }
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&str>,
    ) -> (StatusCode, Value) {
        let mut request =
            self.client.request(method, format!("{}{path}", self.address)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.body(body.to_owned());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let bytes = answer.bytes().await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// Calls a daemon that may exit meanwhile; returns the status if it responded.
    pub(crate) async fn try_call(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Option<StatusCode> {
        let request = self.client.request(method, format!("{}{path}", self.address));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        Some(request.bearer_auth(&self.key).body(body).send().await.ok()?.status())
    }

    /// Calls a daemon that may exit meanwhile; returns the body if it responded.
    pub(crate) async fn try_json(&self, method: Method, path: &str) -> Option<Value> {
        let request = self.client.request(method, format!("{}{path}", self.address));
        let answer = request.bearer_auth(&self.key).send().await.ok()?;
        serde_json::from_slice(&answer.bytes().await.ok()?).ok()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub(crate) async fn post(&self, path: &str) -> (StatusCode, Value) {
        self.call(Method::POST, path, None).await
    }

    /// Starts a connect; returns the URL to open in the browser.
    pub(crate) async fn authorize(&self, user: &str, partner: &str, body: &str) -> String {
        let path = format!("/v1/users/{user}/connections/{partner}/authorize");
        let (status, begun) = self.call(Method::POST, &path, Some(body)).await;
        assert_eq!(status, 201, "{begun}");
        begun["authorize_url"].as_str().unwrap().to_owned()
    }

    /// Submits the decision on the partner's page; returns the URL the partner redirects to.
    pub(crate) async fn decide(
        &self,
        authorize_url: &str,
        account: &str,
        decision: &str,
    ) -> String {
        let page = self.client.get(authorize_url).send().await.unwrap();
        assert_eq!(page.status(), 200, "the partner's page");
        let form = [("account", account), ("decision", decision)];
        let answer = self.client.post(authorize_url).form(&form).send().await.unwrap();
        answer.headers()[LOCATION].to_str().unwrap().to_owned()
    }

    /// Connects the account named like the user and waits for the first sync. The account is empty
    /// unless the test created it before.
    pub(crate) async fn connect(&self, sandbox: &Sandbox, user: &str, partner: &str) {
        let known = sandbox.control().accounts(partner).unwrap();
        if !known.iter().any(|account| account.account == user) {
            empty_account(sandbox, partner, user);
        }
        self.connect_account(user, partner, user).await;
        self.first_sync(user, partner).await;
    }

    pub(crate) async fn connect_account(&self, user: &str, partner: &str, account: &str) {
        let url = self.authorize(user, partner, "{}").await;
        let back = self.decide(&url, account, "allow").await;
        let ended = self.client.get(&back).send().await.unwrap();
        let (status, text) = (ended.status(), ended.text().await.unwrap());
        assert_eq!(status, 200, "{text}");
    }

    pub(crate) async fn first_sync(&self, user: &str, partner: &str) {
        let path = format!("/v1/users/{user}/connections/{partner}");
        let polled = eventually(async || self.get(&path).await["last_poll_at"].is_string());
        assert!(
            polled.await,
            "never polled: {}",
            self.get(&format!("/v1/users/{user}/syncs")).await
        );
    }

    /// Syncs one connection now; returns the result.
    pub(crate) async fn sync(&self, user: &str, partner: &str) -> Value {
        let path = format!("/v1/users/{user}/connections/{partner}/sync?wait=60s");
        let (status, answer) = self.post(&path).await;
        assert_eq!(status, 200, "{answer}");
        answer["syncs"][0].clone()
    }

    /// Syncs and expects the outcome `ok`.
    pub(crate) async fn sync_ok(&self, user: &str, partner: &str) -> Value {
        let sync = self.sync(user, partner).await;
        assert_eq!(sync["outcome"], "ok", "{sync}");
        sync
    }

    /// All records of a user, from all pages.
    pub(crate) async fn records(&self, user: &str) -> Vec<Value> {
        self.all(&format!("/v1/users/{user}/records?limit=1000"), "records").await
    }

    /// All changes of records since the beginning.
    pub(crate) async fn changes(&self) -> Vec<Value> {
        self.all("/v1/changes?only=records&limit=1000", "changes").await
    }

    pub(crate) async fn all(&self, path: &str, what: &str) -> Vec<Value> {
        let (mut list, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}{cursor}")).await;
            list.extend(page[what].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => {
                    let before = std::mem::replace(&mut cursor, format!("&cursor={next}"));
                    assert_ne!(before, cursor, "the pages of {path} do not end");
                }
                None => return list,
            }
        }
    }

    pub(crate) async fn timeline(&self, user: &str) -> Vec<Value> {
        self.get(&format!("/v1/users/{user}/syncs")).await["syncs"].as_array().unwrap().clone()
    }

    /// Syncs until the connection asks for a reconnect; a scheduled poll may be faster.
    pub(crate) async fn syncs_until_reconnect(&self, user: &str, partner: &str) {
        let path = format!("/v1/users/{user}/connections/{partner}/sync?wait=10s");
        let ended = eventually(async || {
            self.post(&path).await;
            self.connection(user, partner).await["status"] == "needs_reconnect"
        });
        assert!(ended.await, "{}", self.connection(user, partner).await);
    }

    pub(crate) async fn connection(&self, user: &str, partner: &str) -> Value {
        self.get(&format!("/v1/users/{user}/connections/{partner}")).await
    }
}
