//! The command line.

mod admin;
mod audit;
mod backup;
mod check;
mod completions;
#[cfg(feature = "demo")]
mod demo;
mod descriptors;
mod key;
mod migrate;
mod no_dumps;
mod out;
mod partner;
mod preflight;
mod readable;
mod reload;
mod remote;
#[cfg(feature = "demo")]
mod sandbox;
mod secret;
mod serve;
mod status;
mod stop;
mod user;
mod user_data;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::settings::Settings;
use crate::store::KeyScope;
use crate::telemetry;

/// Keeps the health data of your users in sync with the services they already use.
#[derive(Debug, Parser)]
#[command(
    name = "syncwell",
    version,
    propagate_version = true,
    after_help = "\
Try it:     syncwell demo
First use:  syncwell check, syncwell migrate, syncwell key create --scope app, syncwell serve
Settings:   files (--config FILE) and variables (SYNCWELL__SERVER__LISTEN=127.0.0.1:8080)

Exit codes: 0 done; 1 not done, and the message says what mends it; 2 the command line is wrong"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Where the settings are.
#[derive(Debug, Args)]
struct Files {
    /// A settings file; may be given several times, later ones win.
    #[arg(long = "config", value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon.
    ///
    /// It ends by Ctrl-C or SIGTERM. By SIGHUP it reads the settings again, takes over those that can
    /// change while it runs, and names the others.
    #[command(after_help = "Example:\n  syncwell serve --config /etc/syncwell/production.toml")]
    Serve(Files),
    /// Try Syncwell with simulated partners; needs no setup and leaves nothing behind.
    #[cfg(feature = "demo")]
    #[command(after_help = "\
Examples:
  syncwell demo             shows everything, then goes on until Ctrl-C
  syncwell demo --once      ends after the first round
  syncwell demo --json      one JSON object a line, for programs")]
    Demo(demo::Options),
    /// Run only the simulated partners, for development.
    #[cfg(feature = "demo")]
    #[command(after_help = "\
Examples:
  syncwell sandbox > sandbox.toml           then: syncwell serve --config sandbox.toml
  syncwell sandbox --growth 10s             somebody has something new every ten seconds
  syncwell sandbox --accounts 20 --seed 7   other people, and more of them")]
    Sandbox(sandbox::Options),
    /// Report what is wrong with settings, key, database and partners, and what fixes it.
    #[command(after_help = "\
It changes nothing, and ends with exit code 0 only if `serve` can start.

Example:
  syncwell check --config /etc/syncwell/production.toml")]
    Check {
        #[command(flatten)]
        files: Files,
        /// Bear that the address is taken: the service manager has it, in a socket unit.
        #[arg(long)]
        socket: bool,
    },
    /// Show how everything is: what is wrong, whom it needs, what was done.
    ///
    /// It asks the daemon that runs, and ends with exit code 1 if something needs you.
    #[command(after_help = "\
Examples:
  SYNCWELL_KEY=$KEY syncwell status
  syncwell status --watch --key-file /etc/syncwell/admin.key --server https://sync.example.com")]
    Status(status::Options),
    /// Bring the database up to date, or make it.
    #[command(after_help = "Example:\n  syncwell migrate --dry-run")]
    Migrate {
        #[command(flatten)]
        files: Files,
        /// Only print what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Copy the database while the daemon runs.
    #[command(after_help = "Example:\n  syncwell backup /var/backups/syncwell/$(date -I).db")]
    Backup(backup::Backup),
    /// Put back what `backup` copied, while the daemon does not run.
    #[command(
        after_help = "Example:\n  syncwell restore /var/backups/syncwell/2026-12-01.db --replace"
    )]
    Restore(backup::Restore),
    /// Show who did what to whom, and check that nobody changed that.
    #[command(
        subcommand,
        after_help = "Example:\n  syncwell audit verify --config production.toml"
    )]
    Audit(audit::AuditCommand),
    /// Create, list and revoke API keys.
    #[command(
        subcommand,
        after_help = "\
Examples:
  KEY=$(syncwell key create --scope app --label \"phone backend\")
  syncwell key list
  syncwell key revoke 5f0c2a9d"
    )]
    Key(KeyCommand),
    /// Add and remove administrators, their passwords and second factors.
    #[command(
        subcommand,
        after_help = "\
Examples:
  syncwell admin create ann
  syncwell admin totp ann"
    )]
    Admin(admin::AdminCommand),
    /// Generate and replace the keys that encrypt tokens.
    #[command(
        subcommand,
        after_help = "\
Example:
  (umask 077; syncwell secret generate > /etc/syncwell/syncwell.key)"
    )]
    Secret(SecretCommand),
    /// Show what the running daemon knows of a user, export or erase it.
    #[command(subcommand, after_help = "Example:\n  syncwell user show u-1042")]
    User(user::UserCommand),
    /// Show the available partners.
    #[command(subcommand, after_help = "Example:\n  syncwell partner list")]
    Partner(PartnerCommand),
    /// Print what a shell needs to complete commands and options.
    #[command(after_help = "\
Examples:
  syncwell completions bash > ~/.local/share/bash-completion/completions/syncwell
  syncwell completions zsh  > ~/.zfunc/_syncwell        with fpath+=~/.zfunc in ~/.zshrc
  syncwell completions fish > ~/.config/fish/completions/syncwell.fish")]
    Completions(completions::Options),
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Create a key; it is printed once and not stored.
    #[command(after_help = "\
Examples:
  KEY=$(syncwell key create --scope app --label \"phone backend\")
  syncwell key create --scope admin:read --label prometheus --expires 90d
  syncwell key create --scope admin --label ops     to sign in to the pages at /admin")]
    Create {
        #[command(flatten)]
        files: Files,
        /// What the key may do.
        #[arg(long, value_enum)]
        scope: Scope,
        /// What the key is for.
        #[arg(long, default_value = "")]
        label: String,
        /// After which time it is refused, e.g. 90d; without this it never expires.
        #[arg(long, value_name = "TIME", value_parser = key::lifetime)]
        expires: Option<std::time::Duration>,
    },
    /// List the keys, without their secrets.
    #[command(after_help = "Example:\n  syncwell key list --config production.toml")]
    List(Files),
    /// Revoke a key.
    #[command(after_help = "\
A running daemon refuses it from now on, and whoever signed in with it is signed out.

Example:
  syncwell key revoke 5f0c2a9d")]
    Revoke {
        #[command(flatten)]
        files: Files,
        /// The key's id, from `key list`.
        id: String,
    },
}

/// What a key may do.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Scope {
    /// The calls of the host app.
    App,
    /// Those of the host app's calls that change nothing.
    #[value(name = "app:read")]
    AppRead,
    /// The calls of the host app and of the administrator.
    Admin,
    /// All calls that change nothing, e.g. for metrics and `syncwell status`.
    #[value(name = "admin:read")]
    AdminRead,
}

impl From<Scope> for KeyScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::App => Self::App,
            Scope::AppRead => Self::AppRead,
            Scope::Admin => Self::Admin,
            Scope::AdminRead => Self::AdminRead,
        }
    }
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// Print a new key for vault.key_file.
    #[command(after_help = "\
Keep a copy apart from the database: without the key every user must connect again.

Example:
  (umask 077; syncwell secret generate > /etc/syncwell/syncwell.key)")]
    Generate,
    /// Replace the data keys and seal all values again, while the daemon runs.
    ///
    /// The daemon does it in the background; `syncwell secret status` shows how far it is. The key of
    /// vault.key_file is replaced otherwise: see docs/operate.md.
    #[command(after_help = "Example:\n  syncwell secret rotate --config production.toml")]
    Rotate(Files),
    /// Show which keys are in use, and how far sealing again is.
    #[command(after_help = "Example:\n  syncwell secret status --config production.toml")]
    Status(Files),
}

#[derive(Debug, Subcommand)]
enum PartnerCommand {
    /// List every partner, what it offers and whether it is installed.
    #[command(after_help = "Example:\n  syncwell partner list --config production.toml")]
    List(Files),
}

/// Runs a command. What goes wrong is printed, or logged if the log is for programs.
pub async fn run(arguments: Arguments) -> ExitCode {
    match run_command(arguments.command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<out::Closed>() => ExitCode::SUCCESS,
        Err(error) if error.is::<status::NeedsYou>() => ExitCode::FAILURE,
        Err(error) => {
            if telemetry::is_json() {
                tracing::error!("{error:#}");
            } else {
                out::note(format_args!("syncwell: {error:#}"));
            }
            ExitCode::FAILURE
        }
    }
}

async fn run_command(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(Files { files }) => serve::run(&files).await,
        #[cfg(feature = "demo")]
        Command::Demo(options) => demo::run(options).await,
        #[cfg(feature = "demo")]
        Command::Sandbox(options) => sandbox::run(options).await,
        Command::Check { files: Files { files }, socket } => {
            check::run(Settings::read(&files), socket).await
        }
        Command::Status(options) => status::run(options).await,
        Command::Migrate { files: Files { files }, dry_run } => {
            migrate::run(&Settings::load(&files)?, dry_run).await
        }
        Command::Admin(command) => admin::run(command).await,
        Command::Backup(asked) => backup::back_up_to(asked).await,
        Command::Restore(asked) => backup::restore(asked).await,
        Command::Audit(command) => audit::run(command).await,
        Command::Key(command) => key::run(command).await,
        Command::User(command) => user::run(command).await,
        Command::Secret(command) => secret::run(command).await,
        Command::Partner(PartnerCommand::List(Files { files })) => {
            let settings = Settings::load(&files)?;
            // It may ask the database.
            tokio::task::spawn_blocking(move || partner::list(&settings)).await?
        }
        Command::Completions(options) => completions::run(&options),
    }
}
