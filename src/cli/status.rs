//! `syncwell status`: the overview in a terminal.

mod text;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::out::{self, say};
use super::{Files, stop};
use crate::settings::Settings;

/// How often `--watch` looks.
const EVERY: Duration = Duration::from_secs(2);

/// How long the daemon may take to answer.
const LONGEST_ANSWER: Duration = Duration::from_secs(10);

/// The variable with the key.
const KEY: &str = "SYNCWELL_KEY";

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    files: Files,
    /// The daemon's address; without it, where the settings say that it listens.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// A file with an admin key; without it, the variable SYNCWELL_KEY has the key.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Which time the figures are of.
    #[arg(long, value_enum, default_value_t = Range::Hour)]
    range: Range,
    /// Go on showing it, every two seconds, until Ctrl-C.
    #[arg(long)]
    watch: bool,
}

/// Which time the figures are of.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Range {
    /// The last hour.
    #[value(name = "1h")]
    Hour,
    /// The last day.
    #[value(name = "24h")]
    Day,
}

/// Something needs the administrator. That is said already; the exit code says it to programs.
#[derive(Debug, thiserror::Error)]
#[error("something needs you")]
pub(super) struct NeedsYou;

pub(super) async fn run(options: Options) -> anyhow::Result<()> {
    let daemon = Daemon::new(&options)?;
    let screen = text::Look::of(std::io::stdout().is_terminal());
    if !options.watch {
        let overview = daemon.overview().await?;
        say!("{}", text::render(&overview, screen))?;
        return if text::needs_you(&overview) { Err(NeedsYou.into()) } else { Ok(()) };
    }
    let stop = stop::on_signal()?;
    loop {
        let shown = match daemon.overview().await {
            Ok(overview) => text::render(&overview, screen),
            // It may be on its way up again.
            Err(error) => format!("{error:#}\n"),
        };
        if screen.is_terminal {
            // From the upper left corner, and nothing of before below it.
            out::part(format_args!("\x1b[H\x1b[J{shown}"))?;
        } else {
            say!("{shown}")?;
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
}

/// The daemon that is asked.
struct Daemon {
    client: reqwest::Client,
    address: String,
    range: &'static str,
    key: SecretString,
}

impl Daemon {
    fn new(options: &Options) -> anyhow::Result<Self> {
        let address = match &options.server {
            Some(address) => address.trim_end_matches('/').to_owned(),
            None => listens_at(&Settings::load(&options.files.files)?.server.listen),
        };
        let range = match options.range {
            Range::Hour => "1h",
            Range::Day => "24h",
        };
        let key = key(options.key_file.as_deref())?;
        let client = partner_sdk::http_client().context("the HTTP client cannot be made")?;
        Ok(Self { client, address, range, key })
    }

    async fn overview(&self) -> anyhow::Result<Value> {
        let address = format!("{}/admin/api/overview?range={}", self.address, self.range);
        let request = self.client.get(address).bearer_auth(self.key.expose_secret());
        let asked = async {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.bytes().await?))
        };
        let answer = tokio::time::timeout(LONGEST_ANSWER, asked).await;
        let Ok(Ok((status, body))) = answer else {
            bail!(
                "no daemon answers at {}; start it with `syncwell serve`, or name its address with --server",
                self.address
            );
        };
        match status {
            200 => serde_json::from_slice(&body)
                .with_context(|| format!("what answers at {} is not Syncwell", self.address)),
            401 | 403 => bail!(
                "the daemon at {} does not accept the key; make one with `syncwell key create --scope admin`",
                self.address
            ),
            status => {
                let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
                let detail = problem.get("detail").and_then(Value::as_str).unwrap_or_default();
                bail!("the daemon at {} answers {status}: {detail}", self.address)
            }
        }
    }
}

/// Where to call a daemon that listens there: one that listens everywhere is reached by loopback.
fn listens_at(listen: &str) -> String {
    let port = listen.rsplit(':').next().unwrap_or_default();
    let is_everywhere = listen.starts_with("0.0.0.0:") || listen.starts_with("[::]:");
    if is_everywhere { format!("http://127.0.0.1:{port}") } else { format!("http://{listen}") }
}

/// The admin key, from its file or from the environment.
fn key(file: Option<&Path>) -> anyhow::Result<SecretString> {
    let text = match file {
        Some(file) => std::fs::read_to_string(file)
            .with_context(|| format!("the key in {} cannot be read", file.display()))?,
        None => std::env::var(KEY).unwrap_or_default(),
    };
    let key = text.trim();
    if key.is_empty() {
        bail!(
            "an admin key is needed: set {KEY}, or name a file with --key-file; \
             `syncwell key create --scope admin` makes one"
        );
    }
    Ok(SecretString::from(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_listens_everywhere_is_asked_at_loopback() {
        for (listen, expected) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:8080", "http://127.0.0.1:8080"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("localhost:9", "http://localhost:9"),
        ] {
            assert_eq!(listens_at(listen), expected);
        }
    }
}
