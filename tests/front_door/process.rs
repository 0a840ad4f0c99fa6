//! A program, run as from a terminal.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use crate::harness::eventually;

/// A running program and its output (stdout and stderr). Killed when dropped.
pub(crate) struct Running {
    child: Child,
    printed: Arc<Mutex<String>>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        assert!(child.is_ok(), "{command:?} does not start: {child:?}");
        let mut child = child.unwrap();
        let printed = Arc::default();
        collect(child.stdout.take().unwrap(), Arc::clone(&printed));
        collect(child.stderr.take().unwrap(), Arc::clone(&printed));
        Self { child, printed }
    }

    pub(crate) fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    /// Waits until a line that contains `text` is printed; returns that line.
    pub(crate) async fn line_with(&mut self, text: &str) -> String {
        let line = |printed: &str| printed.lines().find(|line| line.contains(text)).map(Into::into);
        let mut found = None;
        let came = eventually(async || {
            found = line(&self.printed());
            let ended = self.child.try_wait().unwrap();
            assert!(found.is_some() || ended.is_none(), "it ended: {}", self.printed());
            found.is_some()
        });
        assert!(came.await, "`{text}` was not printed: {}", self.printed());
        found.unwrap()
    }

    /// The id of the process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let arguments = [format!("-{name}"), self.child.id().to_string()];
        assert!(Command::new("kill").args(arguments).status().unwrap().success());
    }

    /// Waits for the exit status.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        let ended = eventually(async || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(ended.await && status.is_some(), "it does not end: {}", self.printed());
        status.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn collect(output: impl Read + Send + 'static, printed: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let mut printed = printed.lock().unwrap();
            printed.push_str(&line);
            printed.push('\n');
        }
    });
}
