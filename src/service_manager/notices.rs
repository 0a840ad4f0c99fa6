//! What the service manager gets to know.

use std::time::Duration;

use sd_notify::NotifyState;

/// How often more time is asked for.
const EVERY: Duration = Duration::from_secs(5);

/// How much is asked for at a time: a process that hangs is found that much later.
const AT_A_TIME: Duration = Duration::from_secs(15);

/// Whether there is a service manager that wants to know.
pub fn are_wanted() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Requests are answered.
pub fn ready() {
    send(&[NotifyState::Ready]);
}

/// Settings are being read again; [`ready`] must follow.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(_) => send(&[NotifyState::Reloading]),
    }
}

/// The daemon is ending.
pub fn stopping() {
    send(&[NotifyState::Stopping]);
}

/// How the daemon is, in a line for `systemctl status`.
pub fn status(text: &str) {
    send(&[NotifyState::Status(text)]);
}

/// The daemon is not hung.
pub fn alive() {
    send(&[NotifyState::Watchdog]);
}

/// Asks for more time again and again, while the start or the stop takes its time. Ends when it is dropped.
pub async fn ask_for_time() {
    if !are_wanted() {
        return;
    }
    let microseconds = u32::try_from(AT_A_TIME.as_micros()).unwrap_or(u32::MAX);
    loop {
        send(&[NotifyState::ExtendTimeoutUsec(microseconds)]);
        tokio::time::sleep(EVERY).await;
    }
}

fn send(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "no notice reaches the service manager");
    }
}
