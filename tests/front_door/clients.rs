//! The OpenAPI document as others use it: clients are generated from it, compiled and run against a
//! daemon, and schemathesis looks for calls whose answers it does not describe.
//!
//! `tests/clients/install` installs the tools into `target/clients`; `tests/run` does it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use partner_sandbox::Sandbox;
use serde_json::Value;

use crate::harness::{Daemon, HostApp, MOVED_CLOCK, empty_account, sandbox, weight};

/// Where the tools are.
pub(crate) fn tools() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("SYNCWELL_TEST_CLIENTS").map(PathBuf::from);
    let tools = named.unwrap_or_else(|| root.join("target/clients"));
    assert!(
        tools.join("installed").is_file(),
        "there are no generators of clients in {}; `tests/clients/install` puts them there, once",
        tools.display()
    );
    tools
}

pub(crate) fn ours(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

/// Runs a program of the tools in a folder.
async fn run(program: &str, arguments: &[&str], folder: &Path) -> Output {
    let tools = tools();
    let own = std::env::var("PATH").unwrap_or_default();
    let (node, python) = (tools.join("node/node_modules/.bin"), tools.join("python/bin"));
    let path = format!("{}:{}:{own}", node.display(), python.display());
    let mut command = Command::new("env");
    command.arg(program).args(arguments).current_dir(folder).env("PATH", path);
    // What a user of the machine has installed or set plays no part.
    command.env("PYTHONNOUSERSITE", "1").env("NO_COLOR", "1").env_remove("PYTHONPATH");
    tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

/// The same, which must succeed; what it printed.
pub(crate) async fn succeed(program: &str, arguments: &[&str], folder: &Path) -> String {
    let output = run(program, arguments, folder).await;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}:\n{printed}\n{errors}");
    printed
}

/// A folder with the daemon's document.
async fn with_document(daemon: &Daemon) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let document = daemon.app.get("/openapi.json").await;
    fs::write(folder.path().join("openapi.json"), document.to_string()).unwrap();
    folder
}

/// Gives the user's account at Withings one weight.
fn has_a_weight(sandbox: &Sandbox, account: &str) {
    empty_account(sandbox, "withings", account);
    let control = sandbox.control();
    control.append("withings", account, "measure", vec![weight(&control, 68_400, 90)]).unwrap();
}

#[tokio::test]
async fn a_typescript_client_is_generated_compiled_strictly_connects_syncs_and_reads() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    has_a_weight(&sandbox, "ann");
    let folder = with_document(&daemon).await;
    let at = folder.path();
    fs::copy(ours("client.ts"), at.join("client.ts")).unwrap();
    std::os::unix::fs::symlink(tools().join("node/node_modules"), at.join("node_modules")).unwrap();
    succeed("openapi-typescript", &["openapi.json", "--output", "schema.d.ts"], at).await;
    let strict = [
        "--strict",
        "--noUncheckedIndexedAccess",
        "--module",
        "node16",
        "--target",
        "es2022",
        "--lib",
        "es2022,dom",
        "client.ts",
    ];
    succeed("tsc", &strict, at).await;
    let printed = succeed("node", &["client.js", &daemon.address, &daemon.app.key], at).await;
    let lines: Vec<_> = printed.lines().collect();
    let start = "/records/0/start";
    let read = ["weight 71.3 kg ts-1", "weight 68.4 kg withings"];
    assert_eq!(lines, ["synced ok", read[0], read[1], "steps null", start], "{printed}");
}

#[tokio::test]
async fn a_python_client_is_generated_connects_syncs_and_reads() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    has_a_weight(&sandbox, "ben");
    let folder = with_document(&daemon).await;
    let at = folder.path();
    let into = ["--output-path", "syncwell_client", "--meta", "none"];
    // The generator knows no JSON lines.
    let known = r#"{"content_type_overrides": {"application/x-ndjson": "text/plain"}}"#;
    fs::write(at.join("generator.json"), known).unwrap();
    let generate =
        ["generate", "--path", "openapi.json", "--fail-on-warning", "--config", "generator.json"];
    succeed("openapi-python-client", &[&generate[..], &into[..]].concat(), at).await;
    succeed("python", &["-m", "compileall", "-q", "syncwell_client"], at).await;
    fs::copy(ours("client.py"), at.join("client.py")).unwrap();
    let printed = succeed("python", &["client.py", &daemon.address, &daemon.app.key], at).await;
    for brought in ["synced ok", "brought 68.4 kg withings"] {
        assert!(printed.contains(brought), "{printed}");
    }
    assert!(printed.contains("weight 71.3 kg 2026-03-04 06:15:00+02:00"), "{printed}");
    assert!(printed.contains("/records/0/start records[0].start: "), "{printed}");
    assert!(printed.contains("has no offset"), "{printed}");
}

/// Runs schemathesis with a key, and returns its report.
async fn schemathesis(app: &HostApp, choice: &[&str], folder: &Path) -> String {
    let key = format!("Authorization: Bearer {}", app.key);
    let config = ours("schemathesis.toml");
    let config = ["--config-file", config.to_str().unwrap()];
    let calls = ["run", "openapi.json", "--url", &app.address, "--header", &key];
    let arguments = [&config[..], &calls[..], choice].concat();
    let output = run("schemathesis", &arguments, folder).await;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{errors}");
    printed
}

#[tokio::test]
async fn no_call_is_answered_in_a_way_that_the_document_does_not_describe() {
    let mut daemon = Daemon::start_with(&sandbox(), "", &[MOVED_CLOCK]).await;
    // An administrator's key is a host app's besides.
    let only = ["--include-path-regex", "^/(admin|v1/partners|v1/sync)"];
    let mut ahead = Duration::ZERO;
    for (app, choice) in [(daemon.app.clone(), &[][..]), (daemon.admin.clone(), &only)] {
        let folder = with_document(&daemon).await;
        let mut running = std::pin::pin!(schemathesis(&app, choice, folder.path()));
        let report = loop {
            // It tries each call with a key that is not known, of which twenty a minute are too many:
            // so a minute passes often.
            tokio::select! {
                report = &mut running => break report,
                () = tokio::time::sleep(Duration::from_millis(200)) => {
                    ahead += Duration::from_secs(61);
                    daemon.set_clock_ahead(ahead);
                }
            }
        };
        println!("{report}");
        let ready: Value = daemon.app.get("/readyz").await;
        assert_eq!(ready["status"], "ok");
    }
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
}
