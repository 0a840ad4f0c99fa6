//! `syncwell secret`

use super::out::{minute, say};
use super::{SecretCommand, audit, key};
use crate::store::KeyWork;
use crate::vault::generate_key;

pub(super) async fn run(command: SecretCommand) -> anyhow::Result<()> {
    match command {
        // The key and nothing else, so that it can be piped to a file.
        SecretCommand::Generate => Ok(say!("{}", generate_key()?)?),
        SecretCommand::Rotate(files) => {
            let (store, database) = key::open(files).await?;
            store.ask_for_new_keys().await?;
            audit::note(&store, "data_keys.replaced", "").await?;
            say!(
                "the daemon makes new data keys for {database} and seals everything again; it goes on"
            )?;
            Ok(say!("after a restart, and `syncwell secret status` shows how far it is")?)
        }
        SecretCommand::Status(files) => {
            let (store, database) = key::open(files).await?;
            say!("database:  {database}")?;
            for line in lines(&store.key_work().await?) {
                say!("{line}")?;
            }
            Ok(())
        }
    }
}

fn lines(work: &KeyWork) -> Vec<String> {
    let mut lines = vec![format!("key:       {}", work.master)];
    if work.master != work.stored_master {
        lines.push(format!(
            "old key:   {}, needed until sealing again is finished",
            work.stored_master
        ));
    }
    lines.push(match (work.is_running, work.is_asked) {
        (true, _) => {
            let what = if work.renews { "with new data keys" } else { "with the keys in use" };
            let next = if work.is_asked { "; once more after that" } else { "" };
            format!("sealing:   again, {what}: {} of about {} rows{next}", work.done, work.total)
        }
        (false, true) => "sealing:   again, as soon as the daemon runs".to_owned(),
        (false, false) => {
            let when = work.finished_at.map(|at| format!(", finished {}", minute(at)));
            format!("sealing:   all with the keys in use{}", when.unwrap_or_default())
        }
    });
    if !work.not_needed.is_empty() && !work.not_needed.contains(&work.master) {
        let keys = work.not_needed.join(", ");
        lines.push(format!(
            "destroy:   {keys} is not needed any more, and backups from before need it"
        ));
    }
    lines
}
