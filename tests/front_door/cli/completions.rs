//! What shells complete.

use std::path::Path;
use std::process::Command;

use clap::CommandFactory;

use super::{run, syncwell};

/// The names of commands and options, of all levels.
fn words(command: &clap::Command, found: &mut Vec<String>) {
    found.extend(command.get_opts().filter_map(|option| option.get_long()).map(|it| it.to_owned()));
    for part in command.get_subcommands() {
        found.push(part.get_name().to_owned());
        words(part, found);
    }
}

#[test]
fn every_shell_gets_every_command_and_option() {
    let mut wanted = Vec::new();
    words(&::syncwell::cli::Arguments::command(), &mut wanted);
    assert!(wanted.len() > 20 && wanted.contains(&"dry-run".to_owned()), "{wanted:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let printed = run(&mut syncwell(Path::new("."), &["completions", shell]));
        assert!(printed.well && printed.err.is_empty(), "{shell}: {}", printed.err);
        let missing: Vec<_> = wanted.iter().filter(|word| !printed.out.contains(*word)).collect();
        assert!(missing.is_empty(), "{shell} lacks {missing:?}");
    }
}

#[test]
fn bash_completes_a_command_and_an_option() {
    let script = run(&mut syncwell(Path::new("."), &["completions", "bash"])).out;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), script).unwrap();
    for (words, completed) in [
        ("syncwell migr", "migrate"),
        ("syncwell migrate --dr", "--dry-run"),
        ("syncwell key cre", "create"),
        ("syncwell key create --scope ad", "admin admin:read"),
    ] {
        let line = format!(
            ". {}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _syncwell syncwell \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
             echo \"${{COMPREPLY[*]}}\"",
            file.path().display()
        );
        let output = Command::new("bash").args(["--norc", "-c", &line]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(said.trim(), completed, "{words}: {wrong}");
    }
}
