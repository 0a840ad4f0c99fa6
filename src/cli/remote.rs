//! The running daemon, asked over HTTP with a key of scope admin: for commands that show what it does.

use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use super::Files;
use crate::settings::Settings;

/// The variable that holds the key.
const KEY_VARIABLE: &str = "SYNCWELL_KEY";

/// How the daemon is reached.
#[derive(Debug, Args)]
pub(super) struct Remote {
    /// A file that holds a key of scope admin; without it the variable SYNCWELL_KEY does.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Where the daemon is, e.g. http://127.0.0.1:8080; without it, where the settings say.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    files: Files,
}

impl Remote {
    /// The daemon, not asked yet.
    ///
    /// # Errors
    /// When there is no key, or the settings cannot be read.
    pub(super) fn daemon(&self) -> anyhow::Result<Daemon> {
        let key = self.key()?;
        let address = match &self.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => address_of(&Settings::load(&self.files.files)?.server.listen),
        };
        Ok(Daemon { client: partner_sdk::http_client()?, address, key })
    }

    fn key(&self) -> anyhow::Result<SecretString> {
        let text = match &self.key_file {
            Some(file) => std::fs::read_to_string(file)
                .with_context(|| format!("the key file {} cannot be read", file.display()))?,
            None => std::env::var(KEY_VARIABLE).unwrap_or_default(),
        };
        match text.trim() {
            "" => bail!(
                "there is no key: set {KEY_VARIABLE}, or name a file with --key-file; `syncwell key create --scope admin` makes one"
            ),
            key => Ok(key.to_owned().into()),
        }
    }
}

/// The address at which whatever listens there is reached from this machine.
fn address_of(listen: &str) -> String {
    let Ok(mut address) = listen.parse::<SocketAddr>() else { return format!("http://{listen}") };
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}")
}

/// The running daemon.
pub(super) struct Daemon {
    client: reqwest::Client,
    address: String,
    key: SecretString,
}

impl Daemon {
    /// What it answers to `GET`; `None` for 404.
    ///
    /// # Errors
    /// When it is not reached, or refuses.
    pub(super) async fn find(&self, path: &str) -> anyhow::Result<Option<Value>> {
        self.ask(Method::GET, path).await
    }

    /// What it answers to this method; `None` for 404.
    ///
    /// # Errors
    /// When it is not reached, or refuses.
    pub(super) async fn ask(&self, method: Method, path: &str) -> anyhow::Result<Option<Value>> {
        let address = &self.address;
        let answer = self.send(method, path).await?;
        let status = answer.status();
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let body = answer.bytes().await.context("the answer ended early")?;
        let body: Value = serde_json::from_slice(&body).with_context(|| {
            format!("{address}{path} answered {status} without JSON; is it a daemon of Syncwell?")
        })?;
        if !status.is_success() {
            let detail = body.get("detail").and_then(Value::as_str).unwrap_or_default();
            bail!("the daemon at {address} answered {status}: {detail}");
        }
        Ok(Some(body))
    }

    /// Its answer to `GET`, to be read part by part; `None` for 404.
    ///
    /// # Errors
    /// When it is not reached, or refuses.
    pub(super) async fn open(&self, path: &str) -> anyhow::Result<Option<Response>> {
        let answer = self.send(Method::GET, path).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(answer)),
            status => bail!("the daemon at {} answered {status}", self.address),
        }
    }

    async fn send(&self, method: Method, path: &str) -> anyhow::Result<Response> {
        let address = &self.address;
        let request = self.client.request(method, format!("{address}{path}"));
        request.bearer_auth(self.key.expose_secret()).send().await.with_context(
            || format!("no daemon answers at {address}; start it with `syncwell serve`, or name another with --url"),
        )
    }

    /// The same for what is always there.
    ///
    /// # Errors
    /// When it is not reached, refuses, or knows no such address.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let found = self.find(path).await?;
        found.with_context(|| {
            format!("the daemon at {} does not know {path}; is it an older version?", self.address)
        })
    }
}

/// Whether a person reads standard output at a terminal that shows colours.
pub(super) fn has_colour() -> bool {
    // https://no-color.org: set, whatever to.
    let is_wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stdout().is_terminal() && is_wanted && !is_dumb
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_listens_everywhere_is_asked_on_this_machine() {
        for (listen, address) in [
            ("0.0.0.0:8080", "http://127.0.0.1:8080"),
            ("[::]:8080", "http://[::1]:8080"),
            ("10.0.0.4:80", "http://10.0.0.4:80"),
            ("localhost:8080", "http://localhost:8080"),
        ] {
            assert_eq!(address_of(listen), address);
        }
    }
}
