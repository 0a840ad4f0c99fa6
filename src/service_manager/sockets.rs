//! The socket to listen on. The service manager may have opened it: then it stays open while the daemon is
//! restarted, and who connects meanwhile waits instead of being refused.

use std::net::TcpListener;

use listenfd::ListenFd;

/// The socket that the service manager passed on, if it did. It takes the place of `server.listen`.
///
/// # Errors
/// When what was passed on is not one TCP socket.
pub fn passed_on() -> anyhow::Result<Option<TcpListener>> {
    let mut passed = ListenFd::from_env();
    if passed.len() > 1 {
        anyhow::bail!(
            "the service manager passed on {} sockets; one is expected: give syncwell.socket one ListenStream",
            passed.len()
        );
    }
    let socket = passed.take_tcp_listener(0).map_err(|error| {
        anyhow::anyhow!(
            "the service manager passed on something that is no TCP socket ({error}); give syncwell.socket a \
             ListenStream with an address and a port"
        )
    })?;
    if let Some(socket) = &socket {
        let address = socket.local_addr()?;
        tracing::info!(%address, "a socket was passed on by the service manager; server.listen is not used");
        // As our own: the server waits for it together with its other work.
        socket.set_nonblocking(true)?;
    }
    Ok(socket)
}
