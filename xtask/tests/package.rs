//! The Debian package, on a Debian 12 of its own with systemd as process 1: installed, started, upgraded,
//! stopped, removed, purged. `package/trial.sh` has the steps. It needs root, debootstrap,
//! systemd-nspawn and cargo-deb, which tests/run installs.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the trial's commands need beyond the smallest system.
const PROGRAMS: &str = "systemd,systemd-sysv,dbus,init-system-helpers,ca-certificates,curl";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A Debian 12, made once: half a minute, and 250 MB.
fn debian() -> PathBuf {
    let folder = root().join("target/debian-12");
    if !folder.exists() {
        let unfinished = tempfile::tempdir_in(root().join("target")).unwrap();
        let path = unfinished.path().join("root");
        run(Command::new("debootstrap")
            .args(["--variant=minbase", "--include", PROGRAMS, "bookworm"])
            .arg(&path));
        fs::rename(&path, &folder).unwrap();
    }
    // Each time, because they change with this test.
    fs::create_dir_all(folder.join("trial")).unwrap();
    let units = folder.join("etc/systemd/system");
    fs::write(units.join("trial.service"), include_str!("package/trial.service")).unwrap();
    let wanted = units.join("multi-user.target.wants/trial.service");
    if fs::symlink_metadata(&wanted).is_err() {
        std::os::unix::fs::symlink("../trial.service", wanted).unwrap();
    }
    folder
}

/// The package of the program that this test run has built, under another version if there is one.
fn package(version: Option<&str>, to: &Path) {
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.current_dir(root()).args(["package", "--built", "dev"]);
    xtask.args(version.iter().flat_map(|version| ["--version", version]));
    let printed = run(&mut xtask);
    let path = printed.lines().last().unwrap();
    fs::rename(path, to).unwrap();
}

#[test]
fn the_package_installs_starts_is_upgraded_stops_and_leaves_nothing() {
    if run(Command::new("id").arg("-u")).trim() != "0" {
        println!("skipped: only root can begin a machine of its own");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let trial = folder.path();
    // The release before has a lower version, and the same program: there is no earlier release yet.
    package(Some("0.0.9"), &trial.join("old.deb"));
    package(None, &trial.join("new.deb"));
    fs::write(trial.join("version"), env!("CARGO_PKG_VERSION")).unwrap();
    let steps = trial.join("trial.sh");
    fs::write(&steps, include_str!("package/trial.sh")).unwrap();
    fs::set_permissions(&steps, fs::Permissions::from_mode(0o755)).unwrap();

    let mut machine = Command::new("timeout");
    machine.args(["--kill-after=10", "300", "systemd-nspawn", "--quiet"]);
    machine.args(["--boot", "--register=no", "--keep-unit", "--private-network"]);
    // What it writes is gone with it.
    machine.args(["--volatile=overlay", "--console=pipe", "--machine"]);
    machine.arg(format!("syncwell-trial-{}", std::process::id()));
    machine.arg(format!("--bind={}:/trial", trial.display()));
    let output = machine.arg("--directory").arg(debian()).stdin(Stdio::null()).output().unwrap();
    let log = fs::read_to_string(trial.join("log")).unwrap_or_default();
    assert!(
        output.status.success() && log.ends_with("+ : done\n"),
        "{:?} {}\n{}\n{log}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
