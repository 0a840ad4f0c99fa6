//! The command line: output, exit status and error messages of each command.

mod check;
mod completions;
mod demo;
mod demo_page;
mod mistakes;
mod output;
mod sandbox;
mod user_data;

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{Daemon, HostApp, eventually, sandbox};

fn syncwell(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syncwell"));
    command.args(arguments).current_dir(folder);
    command
}

/// How a command ended: whether it succeeded, and what it printed to stdout and stderr.
struct Ended {
    well: bool,
    out: String,
    err: String,
}

fn run(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { well: output.status.success(), out: text(output.stdout), err: text(output.stderr) }
}

/// A temporary folder with settings, as an administrator has them.
struct Home {
    folder: TempDir,
}

const GOOD: &str = "installed_partners = [\"withings\"]\n\
    [server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://sync.example.com\"\n\
    [database]\nurl = \"sqlite:test.db\"\n\
    [partners.withings]\nclient_id = \"client-7\"\nclient_secret = \"hush-secret\"\n";

impl Home {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command with these settings.
    fn run(&self, settings: &str, arguments: &[&str]) -> Ended {
        self.run_in(settings, arguments, &[])
    }

    fn run_in(&self, settings: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
        std::fs::write(self.path().join("settings.toml"), settings).unwrap();
        let mut command = syncwell(self.path(), arguments);
        command.args(["--config", "settings.toml"]).envs(environment.iter().copied());
        run(&mut command)
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> =
            std::fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

#[tokio::test]
async fn a_key_is_printed_alone_never_listed_and_works_until_it_is_revoked() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let made = daemon.command(&["key", "create", "--scope", "app", "--label", "phone backend"]);
    assert!(made.status.success());
    let printed = String::from_utf8(made.stdout).unwrap();
    let key = printed.strip_suffix('\n').unwrap();
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    assert!(key.starts_with("sw_app_") && key.chars().all(word), "the key alone: {printed:?}");
    let holder = HostApp { key: key.to_owned(), ..daemon.app.clone() };
    holder.get("/v1/partners").await;

    let list = || String::from_utf8(daemon.command(&["key", "list"]).stdout).unwrap();
    let listed = list();
    let (id, secret) = key.strip_prefix("sw_app_").unwrap().split_once('_').unwrap();
    assert!(!listed.contains(secret), "{listed}");
    assert_eq!(listed.lines().count(), 3, "{listed}");
    let line = |listed: &str| listed.lines().find(|line| line.contains(id)).unwrap().to_owned();
    for word in ["app", "in force", "phone backend"] {
        assert!(line(&listed).contains(word), "{listed}");
    }

    assert!(daemon.command(&["key", "revoke", id]).status.success());
    let is_refused =
        eventually(async || holder.call(reqwest::Method::GET, "/v1/partners", None).await.0 == 401);
    assert!(is_refused.await, "at the running daemon");
    assert!(line(&list()).contains("revoked"), "{}", list());
    daemon.app.get("/v1/partners").await;
    let again = daemon.command(&["key", "revoke", id]);
    assert!(!again.status.success());
    assert!(
        String::from_utf8_lossy(&again.stderr).contains("key list"),
        "it names the command that lists the keys"
    );
    for (path, bytes) in daemon.files() {
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "the key is in {}", path.display());
    }
}

#[test]
fn migrate_lists_on_a_dry_run_then_applies_and_then_has_nothing_to_do() {
    let home = Home::new();
    let dry_run = home.run(GOOD, &["migrate", "--dry-run"]);
    let migrations =
        dry_run.out.strip_prefix("would apply: ").unwrap_or_else(|| panic!("{}", dry_run.out));
    assert!(dry_run.well && !home.path().join("test.db").exists());
    let done = home.run(GOOD, &["migrate"]);
    assert!(done.well, "{}", done.err);
    assert_eq!(done.out, format!("applied: {migrations}"));
    for arguments in [&["migrate"][..], &["migrate", "--dry-run"]] {
        let ended = home.run(GOOD, arguments);
        assert_eq!((ended.well, &*ended.out), (true, "the database is up to date\n"));
    }
}

#[test]
fn partner_list_shows_every_partner_and_which_are_installed() {
    let ended = Home::new().run(GOOD, &["partner", "list"]);
    assert!(ended.well, "{}", ended.err);
    for line in ["withings (Withings), installed", "runkeeper (Runkeeper)"] {
        let found = ended.out.lines().any(|printed| printed.eq_ignore_ascii_case(line));
        assert!(found, "{line}: {}", ended.out);
    }
    assert!(ended.out.contains("weight, ") && ended.out.contains("pushes: "), "{}", ended.out);
    let bare = run(&mut syncwell(Home::new().path(), &["partner", "list"]));
    assert!(bare.well && !bare.out.contains("installed"), "without any settings: {}", bare.out);
}

#[test]
fn secret_generate_gives_another_key_every_time() {
    let home = Home::new();
    let [first, second] = [0; 2].map(|_| run(&mut syncwell(home.path(), &["secret", "generate"])));
    for made in [&first, &second] {
        let key = made.out.strip_suffix('\n').unwrap();
        assert_eq!(key.len(), 64, "{key}");
        assert!(made.well && key.bytes().all(|digit| digit.is_ascii_hexdigit()), "{key}");
    }
    assert_ne!(first.out, second.out);
    assert!(home.files().is_empty(), "nothing is left behind");
}
