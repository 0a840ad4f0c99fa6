//! `check`: what it finds beside mistakes in single settings.

use super::{GOOD, Home, run, syncwell};
use crate::harness::{Daemon, sandbox};

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
fn a_folder_that_the_user_cannot_write_to_is_no_place_for_a_database() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let home = Home::new();
    std::fs::write(home.path().join("settings.toml"), GOOD).unwrap();
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    for command in ["check", "serve"] {
        let mut command = syncwell(home.path(), &[command, "--config", "settings.toml"]);
        if rustix::process::geteuid().is_root() {
            // Nothing is forbidden to root.
            command.uid(65534).gid(65534);
        }
        let ended = run(&mut command);
        let said = format!("{}{}", ended.out, ended.err);
        assert!(!ended.well, "{said}");
        assert!(
            said.contains("database.url: sqlite:test.db: this user cannot write to ."),
            "{said}"
        );
    }
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn check_mentions_partners_that_are_set_and_not_installed_unknown_or_at_their_end() {
    let home = Home::new();
    let settings = format!(
        "{}[partners.runkeeper]\nclient_id = \"x\"\n[partners.garmin]\nclient_id = \"x\"\n\
         [partners.moves]\nclient_id = \"x\"\nclient_secret = \"x\"\n\
         [partners.fitbit]\nclient_id = \"x\"\nclient_secret = \"x\"\n",
        GOOD.replace("[\"withings\"]", "[\"withings\", \"moves\", \"fitbit\"]")
    );
    let ended = home.run(&settings, &["check"]);
    assert!(ended.well, "{}{}", ended.out, ended.err);
    let is_note = |line: &&str| line.starts_with("note ") && !line.contains("secrets:");
    let notes: Vec<_> = ended.out.lines().filter(is_note).collect();
    for words in [
        "settings.toml, line 13: [partners.garmin]: there is no partner `garmin`; there are: fatsecret",
        "settings.toml, line 11: [partners.runkeeper] is set, but installed_partners does not name runkeeper",
        "moves has ended, nobody can connect: Moves was shut down",
        "fitbit has ended, nobody can connect: since 2 November 2026",
    ] {
        assert!(notes.iter().any(|note| note.contains(words)), "{words}: {}", ended.out);
    }
    assert_eq!(notes.len(), 4, "{}", ended.out);
    let listed = home.run(&settings, &["partner", "list"]).out;
    assert!(listed.contains("ended:  since 2 November 2026"), "{listed}");
}

#[test]
fn check_names_files_with_secrets_that_everybody_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let chmod = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let settings =
        GOOD.replace("client_secret = \"hush-secret\"", "client_secret_file = \"withings\"");
    std::fs::write(home.path().join("withings"), "hush-secret").unwrap();
    assert!(home.run(&settings, &["migrate"]).well);
    let secrets = || {
        let ended = home.run(&settings, &["check"]);
        assert!(ended.well && !ended.out.contains("hush"), "{}{}", ended.out, ended.err);
        let found = ended.out.lines().filter(|line| line.starts_with("note   secrets: "));
        found.map(|line| line.split(' ').nth(4).unwrap().to_owned()).collect::<Vec<_>>()
    };
    chmod(home.path(), 0o755);
    for name in ["withings", "syncwell.key", "test.db"] {
        chmod(&home.path().join(name), 0o644);
    }
    assert_eq!(secrets(), ["syncwell.key", "test.db", "withings"]);
    // Nobody else can enter the folder.
    chmod(home.path(), 0o700);
    assert_eq!(secrets(), [""; 0]);
    chmod(home.path(), 0o755);
    for name in ["withings", "syncwell.key", "test.db"] {
        chmod(&home.path().join(name), 0o640);
    }
    assert_eq!(secrets(), [""; 0]);
    // A secret that stands in the settings themselves.
    chmod(&home.path().join("settings.toml"), 0o644);
    let said = home.run(GOOD, &["check"]).out;
    assert!(
        said.contains("settings.toml has partners.withings.client_secret, and everybody"),
        "{said}"
    );
}

#[tokio::test]
async fn check_knows_a_daemon_of_ours_that_runs() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let ended = daemon.command(&["check"]);
    let said = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success() && said.contains("a daemon answers there now"), "{said}");
    let said = String::from_utf8(daemon.command(&["check", "--socket"]).stdout).unwrap();
    assert!(said.contains("as it must be if syncwell.socket has it"), "{said}");
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
    for (good, wrong, meant) in [
        (
            "listen = ",
            "lsten = ",
            "settings.toml, line 3: unknown setting `server.lsten`; did you mean `server.listen`?",
        ),
        (
            "[database]",
            "[databse]",
            "settings.toml, line 6: unknown section [databse]; did you mean [database]?",
        ),
        ("client_id", "clientid", "did you mean `partners.withings.client_id`?"),
        ("installed_partners", "instaled_partners", "did you mean `installed_partners`?"),
    ] {
        let said = home.run(&GOOD.replace(good, wrong), &["check"]).out;
        assert!(said.contains("WRONG") && said.contains(meant), "{said}");
    }
    let typed = [("SYNCWELL__SERVER__PUBLIC_ULR", "https://sync.example.com")];
    let said = home.run_in(GOOD, &["check"], &typed).out;
    assert!(said.contains("the variable SYNCWELL__SERVER__PUBLIC_ULR: unknown setting"), "{said}");
    for command in ["migrate", "serve"] {
        let ended = home.run_in(GOOD, &[command], &typed);
        assert!(!ended.well && ended.err.contains("SYNCWELL__SERVER__PUBLIC_ULR"), "{}", ended.err);
    }
    let said = home.run(&format!("{GOOD}[server\n"), &["check"]).out;
    assert!(said.contains("cannot read the settings file settings.toml: line 10"), "{said}");
    let ended = run(&mut syncwell(home.path(), &["check", "--config", "nowhere.toml"]));
    assert!(!ended.well && ended.out.contains("nowhere.toml"), "{}", ended.out);
}

#[test]
fn journald_that_is_not_there_is_no_place_for_a_log() {
    // On a machine with systemd it is there.
    if std::path::Path::new("/run/systemd/journal/socket").exists() {
        return;
    }
    let home = Home::new();
    let settings = format!("{GOOD}[log]\nformat = \"journald\"\n");
    for command in ["check", "serve"] {
        let ended = home.run(&settings, &[command]);
        let said = format!("{}{}", ended.out, ended.err);
        let why = "log.format = \"journald\": journald of systemd cannot be reached";
        assert!(!ended.well && said.contains(why), "{said}");
    }
}
