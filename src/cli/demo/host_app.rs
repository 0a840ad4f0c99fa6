//! The demo's host app and its users' browsers. They use HTTP from outside and nothing else.

use anyhow::{Context, bail};
use reqwest::header::LOCATION;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

#[derive(Clone)]
pub(super) struct HostApp {
    client: Client,
    address: String,
    key: String,
}

impl HostApp {
    pub(super) fn new(address: String, key: String) -> anyhow::Result<Self> {
        Ok(Self { client: partner_sdk::http_client()?, address, key })
    }

    /// Where the daemon is.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.address)).bearer_auth(&self.key)
    }

    async fn json(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let response = request.send().await?;
        let status = response.status();
        let body: Value = serde_json::from_slice(&response.bytes().await?)?;
        if !status.is_success() {
            bail!("{status}: {}", body.get("detail").and_then(Value::as_str).unwrap_or_default());
        }
        Ok(body)
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.json(self.call(Method::GET, path)).await
    }

    /// The same of what may be gone: somebody who looks around may delete or erase it.
    pub(super) async fn find(&self, path: &str) -> anyhow::Result<Option<Value>> {
        let response = self.call(Method::GET, path).send().await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let response = response.error_for_status()?;
        Ok(Some(serde_json::from_slice(&response.bytes().await?)?))
    }

    /// Sends `body`.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.json(self.call(method, path).body(body)).await
    }

    /// Opens a stream of events.
    pub(super) async fn open(&self, path: &str) -> anyhow::Result<Response> {
        let answer = self.call(Method::GET, path).send().await?;
        if !answer.status().is_success() {
            bail!("the stream was answered with {}", answer.status());
        }
        Ok(answer)
    }

    pub(super) async fn delete(&self, path: &str) -> anyhow::Result<()> {
        let answer = self.call(Method::DELETE, path).send().await?;
        if !answer.status().is_success() {
            bail!("the deletion was answered with {}", answer.status());
        }
        Ok(())
    }

    /// Connects a user as a browser does: to the partner's page, "allow", and back.
    pub(super) async fn connect(&self, person: &str, partner: &str) -> anyhow::Result<()> {
        let begin = format!("/v1/users/{person}/connections/{partner}/authorize");
        let begun = self.json(self.call(Method::POST, &begin)).await?;
        let page =
            begun.get("authorize_url").and_then(Value::as_str).context("no authorize_url")?;
        let shown = self.client.get(page).send().await?;
        if !shown.status().is_success() {
            bail!("the partner's page answered {}", shown.status());
        }
        let decision = [("account", person), ("decision", "allow")];
        let decided = self.client.post(page).form(&decision).send().await?;
        let back =
            decided.headers().get(LOCATION).context("the partner did not send the browser back")?;
        let ended = self.client.get(back.to_str()?).send().await?;
        if !ended.status().is_success() {
            bail!("the connect ended with {}", ended.status());
        }
        Ok(())
    }

    /// How many connections of a user have been polled.
    pub(super) async fn polled_connections(&self, person: &str) -> anyhow::Result<usize> {
        let answer = self.get(&format!("/v1/users/{person}/connections")).await?;
        let connections = answer.get("connections").and_then(Value::as_array);
        let polled =
            |connection: &&Value| connection.get("last_poll_at").is_some_and(Value::is_string);
        Ok(connections.map_or(0, |connections| connections.iter().filter(polled).count()))
    }

    /// How many syncs were done and how many failed.
    pub(super) async fn syncs(&self) -> anyhow::Result<(u64, u64)> {
        Ok(Self::syncs_of(&self.get("/admin/api/actors").await?))
    }

    /// The same, from the actor tree.
    pub(super) fn syncs_of(tree: &Value) -> (u64, u64) {
        let partners = tree.get("partners").and_then(Value::as_array).cloned().unwrap_or_default();
        let sum = |field: &str| {
            let of = |partner: &Value| {
                partner.pointer(&format!("/syncs/{field}")).and_then(Value::as_u64)
            };
            partners.iter().filter_map(of).sum()
        };
        (sum("done"), sum("failed"))
    }
}
