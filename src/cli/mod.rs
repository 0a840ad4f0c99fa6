//! The command line.

mod check;
#[cfg(feature = "demo")]
mod demo;
mod key;
mod migrate;
mod no_dumps;
mod partner;
#[cfg(feature = "demo")]
mod sandbox;
mod serve;
mod stop;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::settings::Settings;
use crate::store::KeyScope;
use crate::vault::generate_key;

/// Keeps the health data of your users in sync with the services they already use.
#[derive(Debug, Parser)]
#[command(name = "syncwell", version, propagate_version = true)]
pub struct Arguments {
    /// A settings file; may be given several times, later ones win.
    #[arg(long, global = true, value_name = "FILE")]
    config: Vec<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon.
    Serve,
    /// Try Syncwell with simulated partners; needs no setup and leaves nothing behind.
    #[cfg(feature = "demo")]
    Demo(demo::Options),
    /// Run only the simulated partners, for development.
    #[cfg(feature = "demo")]
    Sandbox(sandbox::Options),
    /// Report what is wrong with settings, key, database and partners, and what fixes it.
    Check,
    /// Bring the database up to date.
    Migrate {
        /// Only print what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Create, list and revoke API keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Generate keys that encrypt tokens.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Show the available partners.
    #[command(subcommand)]
    Partner(PartnerCommand),
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Create a key; it is printed once and not stored.
    Create {
        /// What the key may do.
        #[arg(long, value_enum)]
        scope: Scope,
        /// What the key is for.
        #[arg(long, default_value = "")]
        label: String,
    },
    /// List the keys, without their secrets.
    List,
    /// Revoke a key.
    Revoke {
        /// The key's id, from `key list`.
        id: String,
    },
}

/// What a key may do.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Scope {
    /// The calls of the host app.
    App,
    /// The calls of the host app and of the administrator.
    Admin,
}

impl From<Scope> for KeyScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::App => Self::App,
            Scope::Admin => Self::Admin,
        }
    }
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// Print a new key for vault.key_file.
    Generate,
}

#[derive(Debug, Subcommand)]
enum PartnerCommand {
    /// List every partner, what it offers and whether it is installed.
    List,
}

/// Runs a command.
///
/// # Errors
/// What went wrong, as a text for the terminal.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let settings = || Settings::load(&arguments.config);
    match arguments.command {
        Command::Serve => serve::run(settings()?).await,
        #[cfg(feature = "demo")]
        Command::Demo(options) => demo::run(options).await,
        #[cfg(feature = "demo")]
        Command::Sandbox(options) => sandbox::run(options).await,
        Command::Check => check::run(&settings()?).await,
        Command::Migrate { dry_run } => migrate::run(&settings()?, dry_run).await,
        Command::Key(command) => key::run(&settings()?, command).await,
        Command::Secret(SecretCommand::Generate) => generate_secret(),
        Command::Partner(PartnerCommand::List) => partner::list(&settings()?),
    }
}

/// Prints a new key and nothing else, so that it can be piped to a file.
fn generate_secret() -> anyhow::Result<()> {
    println!("{}", generate_key()?);
    Ok(())
}
