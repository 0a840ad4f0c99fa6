//! `syncwell user export` and `syncwell user erase`: all that is here of a user, and an end of it.

use std::io::IsTerminal;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use reqwest::Method;
use serde_json::Value;

use super::out::{self, say};
use super::remote::Remote;
use crate::model::in_address;

#[derive(Debug, Args)]
pub(super) struct Export {
    /// The host app's id of the user.
    id: String,
    /// All that is here as JSON lines, or the records alone as CSV.
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Format,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Jsonl,
    Csv,
}

#[derive(Debug, Args)]
pub(super) struct Erase {
    /// The host app's id of the user.
    id: String,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    remote: Remote,
}

fn nobody(id: &str) -> String {
    format!("there is nothing of {id} here: no connection and no record")
}

/// Writes the export to standard output, as it comes.
pub(super) async fn export(asked: Export) -> anyhow::Result<()> {
    let Export { id, format, remote } = asked;
    let format = match format {
        Format::Jsonl => "jsonl",
        Format::Csv => "csv",
    };
    let path = format!("/v1/users/{}/export?format={format}", in_address(&id));
    let Some(mut answer) = remote.daemon()?.open(&path).await? else { bail!(nobody(&id)) };
    while let Some(part) =
        answer.chunk().await.context("the export ended early: it is not whole")?
    {
        out::bytes(&part)?;
    }
    Ok(())
}

/// Erases, if it is confirmed.
pub(super) async fn erase(asked: Erase) -> anyhow::Result<()> {
    let Erase { id, yes, remote } = asked;
    let daemon = remote.daemon()?;
    if !yes {
        if !std::io::stdin().is_terminal() {
            bail!("nothing was done: erasing cannot be taken back; say --yes");
        }
        out::note(format_args!(
            "All that is here of {id} is deleted, and the access is revoked at the partners. It cannot be \
             taken back. Type the id to go on:"
        ));
        let mut typed = String::new();
        std::io::stdin().read_line(&mut typed)?;
        if typed.trim() != id {
            bail!("that is not the id; nothing was done");
        }
    }
    let path = format!("/v1/users/{}", in_address(&id));
    let Some(erased) = daemon.ask(Method::DELETE, &path).await? else { bail!(nobody(&id)) };
    let count = |what: &str| erased.get(what).and_then(Value::as_i64).unwrap_or_default();
    say!("erased {id}: {} connections, {} records", count("connections"), count("records"))?;
    for left in erased.get("not_revoked").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| left.get(name).and_then(Value::as_str).unwrap_or_default();
        out::note(format_args!("not revoked at {}: {}", text("partner"), text("reason")));
    }
    Ok(())
}
