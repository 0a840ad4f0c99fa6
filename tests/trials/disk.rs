//! A small disk of the trial's own, which can be filled.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::chance::Chance;
use crate::outages::Outage;

/// Set in the process that has mounts of its own.
const INSIDE: &str = "SYNCWELL_TRIAL_HAS_OWN_MOUNTS";

/// The write-ahead log alone may come to 64 MB.
const SIZE: &str = "size=160m";

/// Runs a test in a process whose mounts nobody else sees, and which end with it. Where the system
/// allows none, the test says so and is skipped.
pub(crate) fn in_own_mounts(test: &str, work: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return work();
    }
    // Not as root it needs a namespace of users as well.
    let ways: [&[&str]; 2] = [&["--mount"], &["--mount", "--map-root-user"]];
    let folder = tempfile::tempdir().unwrap();
    let can_mount = |way: &&&[&str]| {
        let mut mount = Command::new("unshare");
        mount.args(**way).args(["mount", "-t", "tmpfs", "tmpfs"]).arg(folder.path());
        mount.output().is_ok_and(|output| output.status.success())
    };
    let Some(way) = ways.iter().find(can_mount) else {
        println!("SKIPPED: this system allows no mount of the test's own (`unshare --mount`)");
        return;
    };
    let mut inside = Command::new("unshare");
    inside.args(*way).arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]);
    assert!(inside.env(INSIDE, "1").status().unwrap().success());
}

/// A file system in memory.
pub(crate) struct Disk {
    folder: TempDir,
}

impl Disk {
    pub(crate) fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(folder.path());
        assert!(mount.status().unwrap().success());
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Outage for Disk {
    /// Leaves none to some pages free, so that it may end between two writes.
    fn begin(&mut self, chance: &mut Chance) {
        let mut file = File::create(self.ballast()).unwrap();
        for block in [1 << 20, 4 << 10] {
            let zeros = vec![0; block];
            while file.write_all(&zeros).is_ok() {}
        }
        let left = if chance.percent(50) { 0 } else { 4_096 * chance.below(40) as u64 };
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(left)).unwrap();
    }

    fn end(&mut self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Otherwise it goes with the process.
        drop(Command::new("umount").arg("--lazy").arg(self.path()).status());
    }
}
