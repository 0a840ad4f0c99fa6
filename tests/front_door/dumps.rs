//! What others on the machine see of the running daemon: no memory, no environment, no core dump.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use crate::harness::{Daemon, eventually, sandbox};
use crate::process::Running;

/// For a user without rights over other processes: root may read everything.
fn ordinary(program: &str) -> Command {
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", program]);
    command
}

/// Whether a process of the same user can read the first byte of that.
fn can_read(path: &str) -> bool {
    ordinary("head").args(["-c", "1", path]).output().unwrap().status.success()
}

fn cores(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("core")).count()
}

/// Raises the limit of core dumps as far as it goes, and becomes the program that follows.
const WITH_CORES: [&str; 2] = ["-c", "ulimit -c \"$(ulimit -H -c)\"; exec \"$0\" \"$@\""];

#[tokio::test]
async fn a_crash_leaves_no_core_and_nobody_reads_the_memory() {
    let mut daemon = Daemon::start(&sandbox(), "").await;
    assert!(daemon.stop().await.success());
    let served = daemon.serve();
    let folder = served.get_current_dir().unwrap().to_owned();
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        let owner = Command::new("chown").args(["-R", "65534:65534"]).arg(&folder).status();
        assert!(owner.unwrap().success());
    }
    let mut command = ordinary("sh");
    command.args(WITH_CORES).arg(served.get_program()).args(served.get_args());
    let set = served.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let mut running = Running::start(command.current_dir(&folder).envs(set));
    let ready = format!("{}/readyz", daemon.address);
    let is_ready = async || {
        let answer = daemon.app.client.get(&ready).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    };
    assert!(eventually(is_ready).await, "{}", running.printed());

    let of = |file: &str| format!("/proc/{}/{file}", running.process());
    let limits = std::fs::read_to_string(of("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "{core}");
    for file in ["mem", "environ", "maps"] {
        assert!(!can_read(&of(file)), "{file} can be read");
    }
    let command_line = String::from_utf8_lossy(&std::fs::read(of("cmdline")).unwrap()).into_owned();
    assert!(!command_line.contains("sandbox-secret"), "{command_line}");

    // Another program shows whether the same steps find something on this machine.
    let mut other = Running::start(ordinary("sh").args(WITH_CORES).args(["sleep", "100"]));
    assert!(eventually(async || can_read(&format!("/proc/{}/environ", other.process()))).await);
    other.signal("KILL");
    other.ended().await;

    running.signal("ABRT");
    assert!(running.ended().await.code().is_none(), "it ended by the signal");
    assert_eq!(cores(&folder), 0, "a core dump was left");
    let mut other = ordinary("sh");
    other.args(WITH_CORES).args(["sh", "-c", "kill -ABRT $$"]).current_dir(&folder);
    assert!(other.status().unwrap().code().is_none());
    if cores(&folder) == 0 {
        println!("no program leaves a core here: only the limit and the files were checked");
    }
}
