//! Output that nobody reads any more, and databases that nobody meant.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::{GOOD, Home, run, syncwell};
use crate::harness::eventually;
use crate::process::Running;

#[test]
fn a_reader_that_goes_ends_a_command_quietly() {
    let home = Home::new();
    for arguments in
        [&["partner", "list"][..], &["check"], &["demo", "--once"], &["demo", "--once", "--json"]]
    {
        let mut command = syncwell(home.path(), arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        // The pipe is closed with the reader.
        BufReader::with_capacity(1, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(!first.is_empty() && !said.contains("panicked"), "{arguments:?}: {said}");
        let code = ended.status.code();
        assert!(code == Some(0) || arguments == ["check"], "{arguments:?}: {code:?} {said}");
    }
}

#[tokio::test]
async fn the_end_of_the_terminal_is_an_orderly_stop_unless_it_is_to_be_survived() {
    let home = Home::new();
    std::fs::write(home.path().join("settings.toml"), GOOD).unwrap();
    let arguments = ["serve", "--config", "settings.toml"];
    let program = env!("CARGO_BIN_EXE_syncwell");
    // It gives the program a terminal of its own.
    let mut terminal = std::process::Command::new("script");
    let start = format!("exec {program} {} 2> log", arguments.join(" "));
    terminal.args(["-qec", &start, "/dev/null"]).current_dir(home.path());
    let terminal = Running::start(&mut terminal);
    let log = || std::fs::read_to_string(home.path().join("log")).unwrap_or_default();
    assert!(eventually(async || log().contains("syncwell is listening")).await, "{}", log());
    // The terminal closes.
    terminal.signal("KILL");
    let stopped = || log().lines().last().is_some_and(|line| line.contains("stopped"));
    assert!(eventually(async || stopped()).await, "{}", log());

    let mut command = std::process::Command::new("nohup");
    command.arg(env!("CARGO_BIN_EXE_syncwell")).args(arguments).current_dir(home.path());
    let mut daemon = Running::start(&mut command);
    daemon.line_with("syncwell is listening").await;
    daemon.signal("HUP");
    daemon.signal("TERM");
    assert!(daemon.ended().await.success());
}

#[test]
fn a_command_for_keys_makes_no_database_and_says_which_it_uses() {
    let home = Home::new();
    for arguments in
        [&["key", "list"][..], &["key", "create", "--scope", "app"], &["key", "revoke", "x"]]
    {
        let ended = run(&mut syncwell(home.path(), arguments));
        assert!(!ended.well && ended.out.is_empty(), "{}", ended.out);
        for words in
            ["no database sqlite:syncwell.db", home.path().to_str().unwrap(), "syncwell migrate"]
        {
            assert!(ended.err.contains(words), "{words}: {}", ended.err);
        }
    }
    assert!(home.files().is_empty(), "{:?}", home.files());
    let made = run(&mut syncwell(home.path(), &["migrate"]));
    assert!(
        made.well && made.err.contains("made the tables in sqlite:syncwell.db"),
        "{}",
        made.err
    );
    let listed = run(&mut syncwell(home.path(), &["key", "list"]));
    assert!(listed.well && listed.out.is_empty(), "{}", listed.out);
    assert!(listed.err.contains("syncwell key create --scope app"), "{}", listed.err);
    let key = run(&mut syncwell(home.path(), &["key", "create", "--scope", "app"]));
    assert!(key.well && key.err.contains("in sqlite:syncwell.db"), "{}", key.err);
}
