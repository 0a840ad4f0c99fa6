//! `syncwell sandbox`: the simulated partners without the daemon.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use partner_sandbox::Sandbox;

use super::out::{self, say};
use super::stop;
use crate::partners::catalog;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Where to listen; port 0 selects a free one.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// The same seed gives the same accounts, data and tokens.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of accounts at each partner.
    #[arg(long, default_value_t = 5)]
    accounts: u32,
    /// Make one change at this interval, e.g. 10s: a new, a late or a corrected record.
    #[arg(long, value_name = "INTERVAL", value_parser = humantime::parse_duration)]
    growth: Option<Duration>,
    /// Lift the partners' rate limits, for benchmarks.
    #[arg(long)]
    unlimited: bool,
    /// Load mode, for benchmarks: Withings accepts the tokens load-1, load-2 … and has this number
    /// of new measurements for each of their polls.
    #[arg(long, value_name = "RECORDS")]
    fresh: Option<u32>,
}

pub(super) async fn run(options: Options) -> anyhow::Result<()> {
    let stop = stop::on_signal()?;
    let mut sandbox = Sandbox::start(partner_sandbox::Options {
        listen: options.listen,
        seed: options.seed,
        accounts: options.accounts,
        growth: options.growth,
        unlimited: options.unlimited,
        fresh: options.fresh,
        ..partner_sandbox::Options::default()
    })
    .with_context(|| format!("cannot listen on {}", options.listen))?;
    print_settings(&sandbox)?;
    if !std::io::stdout().is_terminal() {
        out::note(format_args!("Simulated partners at {}; Ctrl-C ends them.", sandbox.url()));
    }
    stop.cancelled().await;
    sandbox.stop();
    Ok(())
}

/// Prints a settings file for a daemon that uses the simulated partners.
fn print_settings(sandbox: &Sandbox) -> anyhow::Result<()> {
    say!(
        "\
# Simulated partners at {0} until Ctrl-C. Open it in a browser: it lists
# what runs and the calls that change it. These are the settings of a daemon that uses them:
#
#   syncwell sandbox > sandbox.toml                          # this, in a terminal of its own
#   syncwell migrate --config sandbox.toml                   # makes the database
#   syncwell key create --scope app --config sandbox.toml
#   syncwell serve --config sandbox.toml
",
        sandbox.url()
    )?;
    let catalog = catalog();
    let partners: Vec<&str> = catalog.iter().map(|partner| partner.manifest().name).collect();
    say!("installed_partners = {partners:?}")?;
    for partner in partners {
        let urls = sandbox.urls(partner);
        say!("\n[partners.{partner}]")?;
        say!("client_id = \"{}\"", sandbox.client_id(partner))?;
        say!("client_secret = \"{}\"", sandbox.client_secret(partner))?;
        let addresses = [
            ("request_token_url", urls.request_token_url),
            ("authorize_url", Some(urls.authorize_url)),
            ("token_url", Some(urls.token_url)),
            ("api_url", Some(urls.api_url)),
            ("revoke_url", urls.revoke_url),
        ];
        for (key, url) in addresses {
            if let Some(url) = url {
                say!("{key} = \"{url}\"")?;
            }
        }
    }
    Ok(())
}
