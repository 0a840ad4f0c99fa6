//! `syncwell sandbox`: the simulated partners without the daemon.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use partner_sandbox::Sandbox;

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
    /// Create new data by itself at this interval (`10s`).
    #[arg(long, value_parser = humantime::parse_duration)]
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
    println!(
        "Simulated partners at {0}; their control API is described at {0}/control",
        sandbox.url()
    );
    let catalog = catalog();
    let living = catalog.iter().map(|partner| partner.manifest()).filter(|it| it.ended.is_none());
    let partners: Vec<&str> = living.map(|manifest| manifest.name).collect();
    println!("\nSettings for a daemon that uses them:\n\ninstalled_partners = {partners:?}");
    for partner in partners {
        let urls = sandbox.urls(partner);
        println!("\n[partners.{partner}]");
        println!("client_id = \"{}\"", sandbox.client_id(partner));
        println!("client_secret = \"{}\"", sandbox.client_secret(partner));
        let addresses = [
            ("request_token_url", urls.request_token_url),
            ("authorize_url", Some(urls.authorize_url)),
            ("token_url", Some(urls.token_url)),
            ("api_url", Some(urls.api_url)),
            ("revoke_url", urls.revoke_url),
        ];
        for (key, url) in addresses {
            if let Some(url) = url {
                println!("{key} = \"{url}\"");
            }
        }
    }
    println!("\nCtrl-C ends it.");
    stop.cancelled().await;
    sandbox.stop();
    Ok(())
}
