//! The guides in `docs/`: their commands are run as they stand there, with the real binary and its
//! sandbox. Blocks of `sh` and `python` are run, in order and in one shell; others are to look at.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::ports;

/// The blocks of a guide that are run: the language, and the commands.
fn blocks(guide: &str) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(guide);
    let text = fs::read_to_string(path).unwrap();
    let fenced = text.split("\n```").skip(1).step_by(2);
    let blocks = fenced.map(|block| block.split_once('\n').unwrap());
    let is_run = |language: &str| ["sh", "python"].contains(&language);
    let blocks = blocks.filter(|(language, _)| is_run(language));
    blocks.map(|(language, code)| (language.to_owned(), code.to_owned())).collect()
}

/// Runs blocks in an empty folder, with ports of their own, and returns what they printed.
async fn run(blocks: &[(String, String)], environment: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (daemon, partners) = (ports::free(), ports::free());
    let mut script =
        "set -euxo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n".to_owned();
    for (language, code) in blocks {
        let code = code.replace(":8080", &format!(":{daemon}"));
        let sandbox = format!("syncwell sandbox --listen 127.0.0.1:{partners}");
        let code = code.replace("syncwell sandbox", &sandbox);
        script += &match &**language {
            "python" => format!("python3 - <<'PYTHON'\n{code}\nPYTHON\n"),
            _ => code,
        };
        script.push('\n');
    }
    let binary = Path::new(env!("CARGO_BIN_EXE_syncwell")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("timeout");
    command.args(["180", "bash", "-c", &script]).current_dir(folder.path()).env("PATH", path);
    command.env("SYNCWELL__SERVER__LISTEN", format!("127.0.0.1:{daemon}"));
    for (name, value) in environment {
        command.env(name, value.replace(":8080", &format!(":{daemon}")));
    }
    let output: Output =
        tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let log = fs::read_to_string(folder.path().join("syncwell.log")).unwrap_or_default();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}:\n{printed}\n{errors}\n{log}", output.status);
    printed
}

#[tokio::test]
async fn a_daemon_is_installed_by_the_guide_and_gives_a_link_to_its_first_partner() {
    let blocks = blocks("install.md");
    assert_eq!(blocks.len(), 4);
    let printed = run(&blocks, &[]).await;
    assert!(printed.contains("https://account.withings.com/"), "{printed}");
    assert!(printed.contains(r#""records":[]"#), "{printed}");
}

#[tokio::test]
async fn a_daemon_is_backed_up_restored_and_gets_new_keys_by_the_guide() {
    let mut all = blocks("install.md");
    all.truncate(1);
    let own = blocks("operate.md");
    assert_eq!(own.len(), 10);
    all.extend(own);
    let printed = run(&all, &[]).await;
    assert!(printed.contains(r#""errors":[]"#), "{printed}");
    assert!(printed.contains(r#""status":"ok""#), "{printed}");
}

#[tokio::test]
async fn a_host_app_connects_syncs_and_reads_by_the_guide() {
    let blocks = blocks("host-app.md");
    assert_eq!(blocks.iter().filter(|(language, _)| language == "python").count(), 1);
    assert_eq!(blocks.len(), 8);
    let public = [("SYNCWELL__SERVER__PUBLIC_URL", "http://127.0.0.1:8080")];
    let printed = run(&blocks, &public).await;
    assert!(printed.contains(r#""outcome":"ok""#), "{printed}");
    assert!(printed.contains("weights; the latest is"), "{printed}");
}

#[test]
fn every_link_between_the_guides_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    let guides = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    for file in guides.chain([root.join("README.md")]) {
        if file.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let target = link.split('#').next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let path = file.parent().unwrap().join(target);
            assert!(path.exists(), "{}: {link} leads nowhere", file.display());
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}
