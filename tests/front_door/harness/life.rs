//! The life of a daemon's process: how it starts, ends, and is replaced.

use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Daemon, TIMEOUT, eventually};

impl Daemon {
    /// Starts the process and waits until it is ready.
    pub(crate) async fn launch(&mut self) {
        self.spawn();
        self.await_ready().await;
    }

    pub(crate) async fn await_ready(&mut self) {
        let ready = eventually(async || {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the daemon ended: {}", self.log());
            self.app
                .client
                .get(format!("{}/readyz", self.address))
                .send()
                .await
                .is_ok_and(|answer| answer.status() == 200)
        });
        assert!(ready.await, "not ready: {}", self.log());
    }

    /// How its process is started.
    pub(crate) fn serve(&self) -> Command {
        let other = std::env::var("SYNCWELL_TEST_PROGRAM");
        let program = other.as_deref().unwrap_or(env!("CARGO_BIN_EXE_syncwell"));
        let mut command = match &self.socket {
            None => Command::new(program),
            Some(socket) => {
                let mut command = Command::new("sh");
                // As sd_listen_fds(3) says: the socket is descriptor 3, of this process alone.
                let start = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\"";
                command.args(["-c", start, program]);
                command.stdin(OwnedFd::from(socket.try_clone().unwrap()));
                command
            }
        };
        command.current_dir(self.folder.path()).arg("serve");
        command.arg("--config").arg(self.settings_file()).envs(self.environment.iter().cloned());
        command
    }

    /// Opens the daemon's socket here and passes it on to each process from now on, as a service manager
    /// does.
    pub(crate) async fn pass_the_socket_on(&mut self) {
        assert!(self.stop().await.success());
        let address = self.address.strip_prefix("http://").unwrap();
        self.socket = Some(std::net::TcpListener::bind(address).unwrap());
        self.launch().await;
    }

    /// Changes the settings file; the process reads it at its next start, or when it is asked to.
    pub(crate) fn change_settings(&mut self, old: &str, new: &str) {
        assert!(self.settings.contains(old), "{}", self.settings);
        self.settings = self.settings.replacen(old, new, 1);
        self.settings_file();
    }

    /// Sends a signal to the process.
    pub(crate) fn signal(&self, name: &str) {
        let arguments = [format!("-{name}"), self.process().to_string()];
        assert!(Command::new("kill").args(arguments).status().unwrap().success());
    }

    /// Signals the process and starts the next one without waiting for its end.
    pub(crate) fn replace(&mut self, signal: &str) -> Ending {
        let old = self.child.take().unwrap();
        let arguments = [format!("-{signal}"), old.id().to_string()];
        assert!(Command::new("kill").args(arguments).status().unwrap().success());
        self.spawn();
        Ending(old)
    }

    /// Starts the process.
    pub(crate) fn spawn(&mut self) {
        let mut command = self.serve();
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::clone(&self.log);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut log = log.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        self.child = Some(child);
    }

    /// Waits until the process has ended by itself; whether it did.
    pub(crate) async fn has_ended(&mut self) -> bool {
        let mut child = self.child.take().unwrap();
        let ended = eventually(async || child.try_wait().unwrap().is_some()).await;
        if !ended {
            self.child = Some(child);
        }
        ended
    }

    /// The id of the process.
    pub(crate) fn process(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Whether the process is there.
    pub(crate) fn is_running(&mut self) -> bool {
        let running = self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none());
        if !running {
            self.child = None;
        }
        running
    }

    pub(crate) fn kill_if_running(&mut self) {
        if self.is_running() {
            self.kill();
        }
    }

    /// Kills the process as a crash would.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks the process to end, and returns how it did.
    pub(crate) async fn stop(&mut self) -> std::process::ExitStatus {
        let mut child = self.child.take().unwrap();
        let terminated = Command::new("kill").arg(child.id().to_string()).status().unwrap();
        assert!(terminated.success());
        let began = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < TIMEOUT, "the daemon does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A figure of the process's memory, such as `VmHWM` for its peak.
    pub(crate) fn memory_mb(&self, name: &str) -> u64 {
        let status = format!("/proc/{}/status", self.child.as_ref().unwrap().id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }

    /// Makes what the process has now its peak.
    pub(crate) fn forget_the_peak(&self) {
        let file = format!("/proc/{}/clear_refs", self.child.as_ref().unwrap().id());
        std::fs::write(file, "5").unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// A process that was signalled to end; killed when dropped.
pub(crate) struct Ending(Child);

impl Ending {
    pub(crate) fn await_end(mut self) {
        self.0.wait().unwrap();
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
