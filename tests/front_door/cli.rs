//! The command line: output, exit status and error messages of each command.

mod demo;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{Daemon, HostApp, eventually, sandbox};
use crate::ports;
use crate::process::Running;

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
fn check_finds_nothing_wrong_with_good_settings_and_changes_nothing() {
    let home = Home::new();
    let ended = home.run(GOOD, &["check"]);
    assert!(ended.well, "{}{}", ended.out, ended.err);
    for what in ["settings", "server", "database", "key", "partners"] {
        let line = ended.out.lines().find(|line| line.starts_with("ok ") && line.contains(what));
        assert!(line.is_some(), "{what}: {}", ended.out);
    }
    assert!(!ended.out.contains("hush") && !ended.out.contains("WRONG"), "{}", ended.out);
    assert_eq!(home.files(), [home.path().join("settings.toml")], "check creates no files");
    assert!(home.run(GOOD, &["migrate"]).well);
    let (before, ended) = (database_files(&home), home.run(GOOD, &["check"]));
    assert!(ended.well && ended.out.contains("up to date"), "{}", ended.out);
    assert_eq!(database_files(&home), before);
}

/// The files except SQLite's `-wal` and `-shm`, which come and go with its connections.
fn database_files(home: &Home) -> Vec<std::path::PathBuf> {
    let passing = |path: &std::path::PathBuf| {
        let name = path.to_string_lossy();
        name.ends_with("-wal") || name.ends_with("-shm")
    };
    home.files().into_iter().filter(|path| !passing(path)).collect()
}

#[test]
fn check_says_what_is_wrong_and_which_key_or_variable_fixes_it() {
    let home = Home::new();
    let api = "client_secret = \"hush-secret\"\napi_url = \"http://api.example.com\"";
    for (good, wrong, words) in [
        (
            "client_id = \"client-7\"\n",
            "",
            &["partners.withings.client_id", "SYNCWELL__PARTNERS__WITHINGS__CLIENT_ID"][..],
        ),
        (
            "client_secret = \"hush-secret\"\n",
            "",
            &["client_secret_file", "SYNCWELL__PARTNERS__WITHINGS__CLIENT_SECRET"],
        ),
        (
            "[\"withings\"]",
            "[\"whitings\"]",
            &["installed_partners", "`whitings`", "runkeeper, strava, withings"],
        ),
        ("[\"withings\"]", "[]", &["installed_partners", "SYNCWELL__INSTALLED_PARTNERS"]),
        ("client_secret = \"hush-secret\"", api, &["partners.withings.api_url", "use https"]),
        ("https://sync.", "http://sync.", &["server.public_url", "use https"]),
        ("127.0.0.1:0", "127.0.0.1", &["server.listen", "127.0.0.1"]),
        ("127.0.0.1:0", "127.0.0.1:99999", &["server.listen", "99999"]),
        ("sqlite:test.db", "mysql://ann:hush@db/x", &["database.url", "sqlite:PATH"]),
        ("sqlite:test.db", "postgres://ann:hush@db/x?sslmode=on", &["database.url", "verify-full"]),
        ("sqlite:test.db", "sqlite:settings.toml", &["settings.toml"]),
    ] {
        assert!(GOOD.contains(good), "{good}");
        let ended = home.run(&GOOD.replace(good, wrong), &["check"]);
        assert!(!ended.well, "{wrong}: {}", ended.out);
        let lines: String =
            ended.out.lines().skip_while(|line| !line.starts_with("WRONG")).collect();
        for word in words {
            assert!(
                lines.contains(word),
                "{wrong}: `{word}` is not in: {}{}",
                ended.out,
                ended.err
            );
        }
        assert!(ended.err.contains("wrong"), "{}", ended.err);
        assert!(!format!("{}{}", ended.out, ended.err).contains("hush"), "{}", ended.out);
    }
    let without = GOOD.replace("client_id = \"client-7\"\n", "");
    let fixed = [("SYNCWELL__PARTNERS__WITHINGS__CLIENT_ID", "client-7")];
    let ended = home.run_in(&without, &["check"], &fixed);
    assert!(ended.well, "the variable it named fixes it: {}", ended.out);
}

#[test]
fn check_says_all_that_is_wrong_at_once() {
    let ended = Home::new().run(
        &GOOD
            .replace("[\"withings\"]", "[\"withings\", \"runkeeper\", \"whitings\"]")
            .replace("https://sync.example.com", "sync.example.com"),
        &["check"],
    );
    assert!(!ended.well);
    for word in ["server.public_url", "partners.runkeeper.client_id", "`whitings`"] {
        assert!(ended.out.contains(word), "{word}: {}", ended.out);
    }
}

#[test]
fn check_knows_a_key_that_is_not_the_one_the_database_was_sealed_with() {
    let home = Home::new();
    assert!(home.run(GOOD, &["migrate"]).well);
    let key_file = home.path().join("syncwell.key");
    let right = std::fs::read_to_string(&key_file).unwrap();
    let other = run(&mut syncwell(home.path(), &["secret", "generate"])).out;
    std::fs::write(&key_file, &other).unwrap();
    for command in [&["check"][..], &["key", "list"], &["serve"]] {
        let ended = home.run(GOOD, command);
        let said = format!("{}{}", ended.out, ended.err);
        assert!(!ended.well && said.contains("vault.key_file"), "{command:?}: {said}");
        assert!(!said.contains(right.trim()) && !said.contains(other.trim()), "{said}");
    }
    std::fs::write(&key_file, "not a key").unwrap();
    let ended = home.run(GOOD, &["check"]);
    assert!(!ended.well && ended.out.contains("syncwell secret generate"), "{}", ended.out);
    std::fs::remove_file(&key_file).unwrap();
    let ended = home.run(GOOD, &["check"]);
    assert!(!ended.well && ended.out.contains("SYNCWELL__VAULT__KEY_FILE"), "{}", ended.out);
    assert!(!key_file.exists(), "no second key is created for a sealed database");
    std::fs::write(home.path().join("kept.key"), right).unwrap();
    let named = format!("{GOOD}[vault]\nkey_file = \"kept.key\"\n");
    assert!(home.run(&named, &["check"]).well, "the setting it named fixes it");
}

#[test]
fn a_setting_that_does_not_exist_is_refused_with_the_nearest_that_does() {
    let home = Home::new();
    for (good, wrong, nearest) in [
        ("listen = ", "lsten = ", "server.listen"),
        ("[database]", "[databse]", "database.url"),
        ("client_id", "clientid", "partners.withings.client_id"),
        ("installed_partners", "instaled_partners", "installed_partners"),
    ] {
        let ended = home.run(&GOOD.replace(good, wrong), &["check"]);
        let said = ended.err;
        assert!(!ended.well && said.contains(&format!("did you mean `{nearest}`")), "{said}");
    }
    let typed = [("SYNCWELL__SERVER__PUBLIC_ULR", "https://sync.example.com")];
    let ended = home.run_in(GOOD, &["check"], &typed);
    assert!(!ended.well && ended.err.contains("server.public_url"), "{}", ended.err);
    for (wrong, words) in [
        ("[scheduler]\nmin_gap = \"5\"", &["5m", "duration"][..]),
        ("[server", &["settings.toml", "line"]),
    ] {
        let ended = home.run(&format!("{GOOD}{wrong}\n"), &["check"]);
        assert!(!ended.well);
        assert!(words.iter().all(|word| ended.err.contains(word)), "{}", ended.err);
    }
    let ended = run(&mut syncwell(home.path(), &["check", "--config", "nowhere.toml"]));
    assert!(!ended.well && ended.err.contains("nowhere.toml"), "{}", ended.err);
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

#[test]
fn serve_says_that_its_port_is_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = Home::new().run(&GOOD.replace("127.0.0.1:0", &address), &["serve"]);
    assert!(!ended.well);
    for word in ["server.listen", &address, "in use"] {
        assert!(ended.err.contains(word), "{}", ended.err);
    }
}

#[tokio::test]
async fn the_settings_the_sandbox_prints_are_those_a_daemon_needs() {
    let home = Home::new();
    let mut sandbox =
        Running::start(&mut syncwell(home.path(), &["sandbox", "--listen", "127.0.0.1:0"]));
    sandbox.line_with("Ctrl-C").await;
    let printed = sandbox.printed();
    let settings = printed.split_once("that uses them:").unwrap().1.split("Ctrl-C").next().unwrap();
    settings.parse::<toml::Table>().unwrap_or_else(|error| panic!("{error}: {printed}"));
    let port = ports::free();
    let address = format!("http://127.0.0.1:{port}");
    let settings = format!(
        "{settings}\n[server]\nlisten = \"127.0.0.1:{port}\"\npublic_url = \"{address}\"\n\
         [database]\nurl = \"sqlite:test.db\"\n"
    );
    let key = home.run(&settings, &["key", "create", "--scope", "app"]).out.trim().to_owned();
    let mut daemon =
        Running::start(&mut syncwell(home.path(), &["serve", "--config", "settings.toml"]));
    daemon.line_with("syncwell is listening").await;
    let app = HostApp { client: partner_sdk::http_client().unwrap(), address, key };
    let ready = eventually(async || {
        let answer = app.client.get(format!("{}/readyz", app.address)).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    });
    assert!(ready.await, "{}", daemon.printed());
    for partner in ["withings", "runkeeper"] {
        app.connect_account("ann", partner, "account-1").await;
        app.first_sync("ann", partner).await;
    }
    let records = eventually(async || app.records("ann").await.len() > 50).await;
    assert!(records, "{:?}", app.timeline("ann").await);
    for process in [&mut daemon, &mut sandbox] {
        process.signal("TERM");
        let status = process.ended().await;
        assert!(status.success(), "{status}: {}", process.printed());
    }
}
