//! Who may do what: keys and their scopes, administrators, and what browsers are held to.

mod forms;
mod headers;
mod in_browser;
mod people;
mod scopes;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::harness::{Daemon, Pages};

/// A password that nobody guesses.
const PASSWORD: &str = "four lamps in a row";

/// Runs a command with something on its standard input.
fn run(daemon: &Daemon, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syncwell"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = daemon.with_settings(&mut command).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// The same of a command that must succeed; returns what it printed.
fn done(daemon: &Daemon, arguments: &[&str], input: &str) -> String {
    let output = run(daemon, arguments, input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The addresses and methods of all pages, as the sources have them: a new page is among them.
fn page_addresses() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in ["src/web/pages/mod.rs", "src/web/connect/mod.rs"] {
        let text =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let (_, table) = text.split_once("ADDRESSES: ").unwrap();
        let (table, _) = table.split_once("];").unwrap();
        for line in table.lines() {
            let Some((address, methods)) =
                line.trim().strip_prefix("(\"").and_then(|it| it.split_once('"'))
            else {
                continue;
            };
            let address = address
                .replace("{partner}", "withings")
                .replace("{user}", "ann")
                .replace("{id}", "x")
                .replace("{token}", "x");
            for method in ["GET", "POST"].iter().filter(|it| methods.contains(**it)) {
                found.push(((*method).to_owned(), address.clone()));
            }
        }
    }
    assert!(found.len() > 30, "{found:?}");
    found
}

/// Signs in by name; the status, the cookie and the page.
async fn sign_in(
    daemon: &Daemon,
    name: &str,
    password: &str,
    code: &str,
) -> Result<Pages, (u16, String)> {
    let fields = [("name", name), ("password", password), ("code", code), ("next", "/admin")];
    daemon.sign_in_with(&fields).await
}
