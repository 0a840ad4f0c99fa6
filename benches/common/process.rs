//! Child processes, killed by their id however the bench ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

/// How much of a process's output is kept, in bytes from its start.
const KEPT: usize = 64 * 1024;

/// A running program and its output. Killed when dropped.
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    printed: Arc<Mutex<String>>,
}

impl Running {
    /// Starts a program.
    pub(crate) fn start(name: &'static str, command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        let printed = Arc::default();
        collect(child.stdout.take(), &printed);
        collect(child.stderr.take(), &printed);
        Ok(Self { name, child, printed })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its output so far.
    pub(crate) fn printed(&self) -> String {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until `text` is printed; returns the word after it.
    pub(crate) async fn word_after(
        &mut self,
        text: &str,
        within: Duration,
    ) -> anyhow::Result<String> {
        let began = Instant::now();
        loop {
            let printed = self.printed();
            if let Some((_, rest)) = printed.split_once(text)
                && let Some((word, _)) = rest.split_once(char::is_whitespace)
            {
                return Ok(word.trim_end_matches(';').to_owned());
            }
            self.alive()?;
            ensure!(began.elapsed() < within, "{} is not ready: {printed}", self.name);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Fails if the process has exited.
    pub(crate) fn alive(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended with {status}: {}", self.name, self.printed());
        }
        Ok(())
    }

    /// Sends SIGTERM and waits until it has exited.
    pub(crate) async fn end(mut self, within: Duration) -> anyhow::Result<()> {
        let id = self.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status()?;
        ensure!(sent.success(), "{} cannot be asked to end", self.name);
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "{} ended with {status}: {}", self.name, self.printed());
                return Ok(());
            }
            ensure!(began.elapsed() < within, "{} does not end: {}", self.name, self.printed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have exited already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn collect(output: Option<impl Read + Send + 'static>, printed: &Arc<Mutex<String>>) {
    let Some(output) = output else { return };
    let printed = Arc::clone(printed);
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
            if printed.len() < KEPT {
                printed.push_str(&line);
                printed.push('\n');
            }
        }
    });
}
