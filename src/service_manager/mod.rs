//! What the daemon and the service manager (systemd) say to each other: sd_notify(3), the watchdog, and
//! sockets that it opened. Without a service manager nothing is said.
//!
//! - [`notices`]: ready, reloading, stopping, how the daemon is, and the time it still needs.
//! - [`Pulses`]: whether each event loop of the daemon still turns.
//! - [`watchdog`]: feeds the watchdog, while they do and the store answers.
//! - [`sockets`]: the listening socket, from the service manager or our own.

pub mod notices;
mod pulses;
pub mod sockets;
pub mod watchdog;

pub use self::pulses::Pulses;
