//! `syncwell admin`

use std::io::{BufRead, IsTerminal, Write};

use anyhow::{Context, anyhow, bail};
use chrono::{DateTime, Utc};
use clap::Subcommand;
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::key::open;
use super::out::{self, minute, say};
use super::{Files, audit};
use crate::administrators::{as_name, check_name, password, second_factor};
use crate::clock::{Clock, SystemClock};
use crate::store::{AdminRole, Store};

/// What an answer may have at most, in bytes.
const LONGEST_LINE: u64 = 4_096;

#[derive(Debug, Subcommand)]
pub(super) enum AdminCommand {
    /// Add an administrator; asks for the password, or reads it from standard input.
    #[command(after_help = "\
From the first administrator on, the pages at /admin are opened by name and password, and no longer by keys.

Examples:
  syncwell admin create ann
  syncwell admin create bob --read-only < password-file")]
    Create {
        #[command(flatten)]
        files: Files,
        /// The name to sign in with: a to z, digits and . - _ @
        name: String,
        /// May see everything and change nothing.
        #[arg(long)]
        read_only: bool,
    },
    /// List the administrators.
    #[command(after_help = "Example:\n  syncwell admin list --config production.toml")]
    List(Files),
    /// Remove an administrator, who is signed out at once.
    #[command(after_help = "Example:\n  syncwell admin remove bob")]
    Remove {
        #[command(flatten)]
        files: Files,
        /// The name.
        name: String,
    },
    /// Change a password; all browsers signed in with the old one are signed out.
    #[command(after_help = "Example:\n  syncwell admin password ann")]
    Password {
        #[command(flatten)]
        files: Files,
        /// The name.
        name: String,
    },
    /// Ask for a second factor at every sign-in: codes of an app (TOTP).
    ///
    /// Prints what the app needs, and ten recovery codes. What there was before is replaced.
    #[command(after_help = "\
Examples:
  syncwell admin totp ann
  syncwell admin totp ann --off")]
    Totp {
        #[command(flatten)]
        files: Files,
        /// The name.
        name: String,
        /// Ask for no second factor any more.
        #[arg(long)]
        off: bool,
    },
}

pub(super) async fn run(command: AdminCommand) -> anyhow::Result<()> {
    let now = SystemClock::new().now();
    match command {
        AdminCommand::Create { files, name, read_only } => {
            let name = as_name(&name);
            check_name(&name).map_err(|why| anyhow!("{name}: {why}"))?;
            let (store, database) = open(files).await?;
            if store.credentials(name.clone()).await?.is_some() {
                bail!("there is an administrator {name} in {database} already");
            }
            let digest = new_password(&name).await?;
            let role = if read_only { AdminRole::ReadOnly } else { AdminRole::Full };
            if !store.add_administrator(name.clone(), digest, role, now).await? {
                bail!("there is an administrator {name} in {database} already");
            }
            audit::note(&store, "administrator.created", &name).await?;
            say!("added {name} ({}); keys no longer open the pages at /admin", role.name())?;
        }
        AdminCommand::List(files) => {
            let (store, database) = open(files).await?;
            list(&store, &database, now).await?;
        }
        AdminCommand::Remove { files, name } => {
            let (store, database) = open(files).await?;
            let name = as_name(&name);
            if !store.remove_administrator(name.clone()).await? {
                bail!(nobody(&name, &database));
            }
            audit::note(&store, "administrator.removed", &name).await?;
            say!("removed {name}")?;
            if !store.has_administrators().await? {
                out::note(format_args!(
                    "there is no administrator any more: keys of scope admin open the pages at /admin"
                ));
            }
        }
        AdminCommand::Password { files, name } => {
            let (store, database) = open(files).await?;
            let name = as_name(&name);
            if store.credentials(name.clone()).await?.is_none() {
                bail!(nobody(&name, &database));
            }
            let digest = new_password(&name).await?;
            if !store.set_password(name.clone(), digest).await? {
                bail!(nobody(&name, &database));
            }
            audit::note(&store, "administrator.password_changed", &name).await?;
            say!("changed the password of {name}; all browsers with the old one are signed out")?;
        }
        AdminCommand::Totp { files, name, off } => {
            let (store, database) = open(files).await?;
            set_second_factor(&store, &database, as_name(&name), off).await?;
        }
    }
    Ok(())
}

fn nobody(name: &str, database: &str) -> String {
    format!(
        "there is no administrator {name} in {database}; `syncwell admin list` shows who there is"
    )
}

async fn list(store: &Store, database: &str, now: DateTime<Utc>) -> anyhow::Result<()> {
    let all = store.administrators(now).await?;
    if all.is_empty() {
        out::note(format_args!(
            "no administrators in {database}; keys of scope admin open the pages. Add one with \
             `syncwell admin create NAME`"
        ));
    }
    for one in all {
        let second = match (one.has_second_factor, one.recovery_codes) {
            (false, _) => "no second factor".to_owned(),
            (true, left) => format!("second factor, {left} recovery codes left"),
        };
        let last = one.last_sign_in_at.map_or_else(|| "never".to_owned(), minute);
        let role = one.role.name();
        say!(
            "{}  {role:<9}  made {}  signed in {last}  {second}",
            one.name,
            minute(one.created_at)
        )?;
    }
    Ok(())
}

async fn set_second_factor(
    store: &Store,
    database: &str,
    name: String,
    off: bool,
) -> anyhow::Result<()> {
    if off {
        if !store.set_second_factor(name.clone(), None, &[]).await? {
            bail!(nobody(&name, database));
        }
        audit::note(store, "administrator.second_factor_removed", &name).await?;
        return say!("{name} signs in without a second factor");
    }
    let (secret, codes) = (second_factor::new_secret(), second_factor::new_recovery_codes());
    let address = second_factor::address(&name, &secret);
    let address = address.ok_or_else(|| anyhow!("{name} cannot stand in an app; take another"))?;
    let stored: Vec<_> =
        codes.iter().map(|code| second_factor::as_recovery_code(code.expose_secret())).collect();
    if !store.set_second_factor(name.clone(), Some(secret), &stored).await? {
        bail!(nobody(&name, database));
    }
    audit::note(store, "administrator.second_factor_set", &name).await?;
    out::note(format_args!(
        "Put this address into {name}'s app. Each recovery code below works once instead of the app's code. Both \
         are shown only now."
    ));
    if std::io::stdout().is_terminal()
        && let Some(drawn) = second_factor::qr_code(&address)
    {
        out::part(format_args!("{drawn}"))?;
    }
    say!("{}", address.expose_secret())?;
    for code in codes {
        say!("{}", code.expose_secret())?;
    }
    Ok(())
}

/// Asks for a new password. Returns its digest.
async fn new_password(name: &str) -> anyhow::Result<String> {
    let asked = name.to_owned();
    let digest = tokio::task::spawn_blocking(move || {
        let is_person = std::io::stdin().is_terminal();
        let password = if is_person {
            ask(&format!("Password of {asked}: "))?
        } else {
            read_line().context("standard input has no password")?
        };
        password::check(&asked, &password).map_err(|why| anyhow!(why))?;
        if is_person && ask("Once more: ")?.expose_secret() != password.expose_secret() {
            bail!("the two passwords differ; nothing was done");
        }
        Ok(password::digest(&password)?)
    });
    digest.await?
}

/// Asks a person, without showing the answer.
fn ask(question: &str) -> anyhow::Result<SecretString> {
    let mut shown = std::io::stderr().lock();
    write!(shown, "{question}").and_then(|()| shown.flush())?;
    let answer = {
        let _silent = Silent::begin()?;
        read_line()
    };
    writeln!(shown)?;
    answer
}

fn read_line() -> anyhow::Result<SecretString> {
    let mut line = String::new();
    let input = std::io::stdin().lock();
    std::io::Read::take(input, LONGEST_LINE).read_line(&mut line)?;
    Ok(SecretString::from(line.trim_end_matches(['\r', '\n'])))
}

/// The terminal shows nothing that is typed, until this is dropped.
struct Silent(Termios);

impl Silent {
    fn begin() -> anyhow::Result<Self> {
        let input = std::io::stdin();
        let before = tcgetattr(&input)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&input, OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // The terminal may be gone.
        tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0).unwrap_or_default();
    }
}
