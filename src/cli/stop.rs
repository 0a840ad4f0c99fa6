//! The signals: Ctrl-C, a termination signal or the end of the terminal stop the daemon. Without a terminal
//! SIGHUP asks it to read its settings again.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What SIGHUP means for this process.
enum Hangup {
    /// Nothing: whoever starts it with `nohup` wants it to outlive the terminal.
    Ignored,
    /// The terminal has gone.
    Stops(Signal),
    /// The settings have changed.
    Reloads(Signal),
}

impl Hangup {
    fn new() -> std::io::Result<Self> {
        if is_hangup_ignored() {
            return Ok(Self::Ignored);
        }
        let signal = signal(SignalKind::hangup())?;
        // Only a process with a terminal can open this.
        let has_terminal = std::fs::File::open("/dev/tty").is_ok();
        Ok(if has_terminal { Self::Stops(signal) } else { Self::Reloads(signal) })
    }
}

/// Returns a token that the first signal to stop cancels. A second Ctrl-C or termination signal ends the
/// process at once.
pub(super) fn on_signal() -> std::io::Result<CancellationToken> {
    let hangup = if is_hangup_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
    on_signals(hangup)
}

/// The same for a daemon that can read its settings again, with a channel on which each signal to do so comes.
pub(super) fn or_reload() -> std::io::Result<(CancellationToken, mpsc::Receiver<()>)> {
    let (reload, reloads) = mpsc::channel(1);
    let mut stops = None;
    match Hangup::new()? {
        Hangup::Ignored => {}
        Hangup::Stops(signal) => stops = Some(signal),
        Hangup::Reloads(mut signal) => drop(actix_rt::spawn(async move {
            while signal.recv().await.is_some() {
                // One that is waiting reads what this one would.
                reload.try_send(()).unwrap_or_default();
            }
        })),
    }
    Ok((on_signals(stops)?, reloads))
}

fn on_signals(mut hangup: Option<Signal>) -> std::io::Result<CancellationToken> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let token = CancellationToken::new();
    let stop = token.clone();
    actix_rt::spawn(async move {
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hung_up => {}
        }
        stop.cancel();
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        std::process::exit(130);
    });
    Ok(token)
}

/// Whether the process was started with SIGHUP ignored, as far as the system says.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The lowest bit is signal 1, SIGHUP (proc(5)).
    mask.is_some_and(|mask| mask & 1 == 1)
}
