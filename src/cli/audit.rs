//! `syncwell audit`, and what the commands add to the log.

use anyhow::{anyhow, bail};
use clap::Subcommand;

use super::Files;
use super::key::open;
use super::out::{self, minute, say};
use crate::audit::{Act, Actor, ERASED, Outcome};
use crate::clock::{Clock, SystemClock};
use crate::model::UserId;
use crate::store::{AuditEntry, Store, StoreError};

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// List who did what to whom, the newest first.
    #[command(after_help = "\
Examples:
  syncwell audit list --last 20
  syncwell audit list --user ann            also finds what was done before ann was erased")]
    List {
        #[command(flatten)]
        files: Files,
        /// Only what was done to this user.
        #[arg(long)]
        user: Option<String>,
        /// How many entries.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        last: u32,
    },
    /// Check that no entry was changed, taken out or added.
    ///
    /// Who can write to the database, but has not the key, cannot change an entry unnoticed. Whether the newest
    /// ones were cut off shows only beside a number and hash from elsewhere: of an earlier check, or of the log.
    #[command(after_help = "\
It ends with exit code 1 if something is wrong.

Examples:
  syncwell audit verify
  syncwell audit verify --known 1204:n4bQgYhMfWWaL-qgxVrQ…")]
    Verify {
        #[command(flatten)]
        files: Files,
        /// The number and hash of an entry as they were before.
        #[arg(long, value_name = "NUMBER:HASH")]
        known: Option<String>,
    },
}

pub(super) async fn run(command: AuditCommand) -> anyhow::Result<()> {
    match command {
        AuditCommand::List { files, user, last } => {
            let (store, database) = open(files).await?;
            let user = user.map(UserId::parse).transpose();
            let user = user.map_err(|error| anyhow!("--user: {error}"))?;
            let found = store.audit_entries(user.as_ref(), None, last.into()).await?;
            if found.rows.is_empty() {
                out::note(format_args!("nothing was noted in {database}"));
            }
            for entry in found.rows {
                say!("{}", line(&entry))?;
            }
            Ok(())
        }
        AuditCommand::Verify { files, known } => {
            let (store, database) = open(files).await?;
            let known = known.as_deref().map(known_entry).transpose()?;
            let verified = store.verify_audit_log(known.as_ref().map(|(seq, _)| *seq)).await?;
            if let Some(broken) = verified.broken {
                bail!("{database}: {broken}; {} before it are good", verified.entries);
            }
            if let Some((seq, hash)) = known
                && verified.asked.as_ref() != Some(&hash)
            {
                let found = verified.asked.unwrap_or_else(|| "not there".to_owned());
                bail!("{database}: entry {seq} was {hash}, and is {found}");
            }
            say!("{} entries, none changed, none missing", verified.entries)?;
            if verified.entries > 0 {
                say!("the newest: {}:{}", verified.entries, verified.head)?;
            }
            Ok(())
        }
    }
}

fn known_entry(text: &str) -> anyhow::Result<(i64, String)> {
    let (seq, hash) = text.split_once(':').unwrap_or_default();
    match seq.parse() {
        Ok(seq) if !hash.is_empty() => Ok((seq, hash.to_owned())),
        _ => bail!("--known: write it as `audit verify` prints it: NUMBER:HASH"),
    }
}

fn line(AuditEntry { entry, subject, .. }: &AuditEntry) -> String {
    let mut line =
        format!("{:>7}  {}  {}  {}", entry.seq, minute(entry.time()), entry.actor, entry.action);
    match (subject, &entry.subject) {
        (Some(user), _) => line.push_str(&format!("  user {user}")),
        (None, Some(digest)) => {
            let short: String = digest.chars().take(8).collect();
            line.push_str(&format!("  an erased user ({short})"));
        }
        (None, None) => {}
    }
    if let Some(about) = &entry.about {
        line.push_str(&format!("  {about}"));
    }
    match entry.outcome {
        Outcome::Done => {}
        Outcome::Refused => line.push_str("  REFUSED"),
        Outcome::Failed => line.push_str("  FAILED"),
    }
    line
}

/// Notes what a command did, to what if that is not empty.
///
/// # Errors
/// When the database fails.
pub(super) async fn note(
    store: &Store,
    action: &'static str,
    about: &str,
) -> Result<(), StoreError> {
    let about = Some(about.to_owned()).filter(|about| !about.is_empty());
    add(store, action, None, about).await
}

/// Notes that a command erased a user.
///
/// # Errors
/// When the database fails.
pub(super) async fn note_erased(store: &Store, user: UserId) -> Result<(), StoreError> {
    add(store, ERASED, Some(user), None).await
}

async fn add(
    store: &Store,
    action: &'static str,
    subject: Option<UserId>,
    about: Option<String>,
) -> Result<(), StoreError> {
    let (actor, outcome) = (Actor::CommandLine, Outcome::Done);
    let act = Act { actor, action, outcome, subject, about };
    store.audit(act, SystemClock::new().now()).await
}
