//! `syncwell backup` and `syncwell restore`

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;

use super::out::{self, say};
use super::{Files, audit};
use crate::application::open_store;
use crate::clock::{Clock as _, SystemClock};
use crate::settings::Settings;
use crate::store::{DatabaseLock, back_up, database_file, put_back, shown_address};

/// What is asked of `backup`.
#[derive(Debug, Args)]
pub(super) struct Backup {
    #[command(flatten)]
    files: Files,
    /// The new file.
    to: PathBuf,
    /// The file for the keys of users, which is replaced: keep only the newest. Default: `user-keys` beside the
    /// new file.
    #[arg(long, value_name = "FILE")]
    user_keys: Option<PathBuf>,
}

/// What is asked of `restore`.
#[derive(Debug, Args)]
pub(super) struct Restore {
    #[command(flatten)]
    files: Files,
    /// The file that `backup` wrote.
    from: PathBuf,
    /// The newest file with the keys of users. Default: `user-keys` beside it.
    #[arg(long, value_name = "FILE")]
    user_keys: Option<PathBuf>,
    /// Move a database that is there aside.
    #[arg(long)]
    replace: bool,
}

pub(super) async fn back_up_to(asked: Backup) -> anyhow::Result<()> {
    let Backup { files: Files { files }, to, user_keys } = asked;
    let settings = Settings::load(&files)?;
    let database = file_of(&settings)?;
    let keys = user_keys.unwrap_or_else(|| to.with_file_name("user-keys"));
    let (file, beside) = (to.clone(), keys.clone());
    let done = tokio::task::spawn_blocking(move || {
        back_up(&database, &file, &beside, SystemClock::default().now())
    });
    let done = done.await?.with_context(|| format!("no backup was made to {}", to.display()))?;
    say!("{}: the database, {} bytes, checked", to.display(), done.bytes)?;
    say!("{}: the keys of {} users; keep only the newest", keys.display(), done.user_keys)?;
    out::note(format_args!("the master key is in neither: keep a copy of it somewhere else"));
    Ok(())
}

pub(super) async fn restore(asked: Restore) -> anyhow::Result<()> {
    let Restore { files: Files { files }, from, user_keys, replace } = asked;
    let settings = Settings::load(&files)?;
    let database = file_of(&settings)?;
    let keys = user_keys.unwrap_or_else(|| from.with_file_name("user-keys"));
    let shown = shown_address(&settings.database.url)?;
    let locked = settings.database.clone();
    let put = move || -> anyhow::Result<Option<PathBuf>> {
        // Nobody may use the database meanwhile.
        let _lock = DatabaseLock::acquire(&locked)?;
        Ok(put_back(&from, &keys, &database, replace)?)
    };
    if let Some(aside) = tokio::task::spawn_blocking(put).await?? {
        out::note(format_args!("the database that was there is {} now", aside.display()));
    }
    let store = open_store(&settings).await?;
    let erased = store.erase_users_without_key().await?;
    audit::note(&store, "database.restored", "").await?;
    let count = erased.len();
    for (user, _) in erased {
        audit::note_erased(&store, user).await?;
    }
    say!("{shown} is restored")?;
    match count {
        0 => {}
        1 => say!("one user was erased after the backup, and is erased here, too")?,
        count => say!("{count} users were erased after the backup, and are erased here, too")?,
    }
    out::note(format_args!(
        "partners are asked again for what came since, and nothing is doubled; users of partners that have \
         replaced their refresh tokens since then must connect again; host apps' cursors from after the \
         backup are answered with 410"
    ));
    Ok(())
}

fn file_of(settings: &Settings) -> Result<PathBuf, anyhow::Error> {
    match database_file(&settings.database.url)? {
        Some(file) => Ok(file),
        None => bail!(
            "this is for SQLite. With PostgreSQL: pg_dump --format=custom --exclude-table-data=user_keys, and \
             pg_dump --table=user_keys into a second file, of which only the newest is kept; pg_restore both"
        ),
    }
}
