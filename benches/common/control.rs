//! Reads the counts of the sandbox and the state of the daemon.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

/// An HTTP client that reads JSON from one base URL.
pub(crate) struct Control {
    client: reqwest::Client,
    base: String,
    key: Option<String>,
}

impl Control {
    /// A client for `base`, with an API key if one is given.
    pub(crate) fn new(base: String, key: Option<String>) -> anyhow::Result<Self> {
        Ok(Self { client: partner_sdk::http_client()?, base, key })
    }

    /// Sends a GET request.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let mut request =
            self.client.get(format!("{}{path}", self.base)).timeout(Duration::from_secs(30));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let answer = request.send().await.with_context(|| format!("GET {path}"))?;
        let status = answer.status();
        let body = answer.bytes().await?;
        ensure!(status.is_success(), "GET {path}: {status}");
        serde_json::from_slice(&body).with_context(|| format!("GET {path}: not JSON"))
    }
}

/// The number at a JSON pointer in a response.
pub(crate) fn number(answer: &Value, pointer: &str) -> anyhow::Result<u64> {
    let found = answer.pointer(pointer).and_then(Value::as_u64);
    found.with_context(|| format!("the response has no number at {pointer}"))
}
