//! What hostile or broken callers send, and what it must not cost.

mod addresses;
mod bodies;
mod bombs;
mod cursors;
mod headers;
mod keys;
mod lists;
mod sockets;
mod texts;
mod tokens;

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Daemon, HostApp};

const RECORDS: &str = "/v1/users/ann/records";

/// A key in the form of a key that nobody has.
const MADE_UP: &str = "sw_app_0123456789ab_0123456789abcdef0123456789abcdef";

/// Sends a request; returns its status and, if it is a problem, its detail.
async fn answer(app: &HostApp, (method, path, body): (&str, &str, &[u8])) -> (u16, String) {
    let request = app.client.request(method.parse().unwrap(), format!("{}{path}", app.address));
    let request = request.bearer_auth(&app.key).body(body.to_vec());
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default();
    (status, body["detail"].as_str().unwrap_or_default().to_owned())
}

/// Sends bytes as they are; returns what came back until the daemon closed the connection or, if it
/// did not, until ten seconds had passed without a byte.
async fn raw(daemon: &Daemon, bytes: &[u8]) -> String {
    let mut stream = connected(daemon).await;
    stream.write_all(bytes).await.unwrap();
    read(&mut stream).await
}

async fn connected(daemon: &Daemon) -> TcpStream {
    TcpStream::connect(daemon.address.trim_start_matches("http://")).await.unwrap()
}

async fn read(stream: &mut TcpStream) -> String {
    let (mut text, mut part) = (String::new(), [0; 4_096]);
    while let Ok(Ok(count @ 1..)) =
        tokio::time::timeout(Duration::from_secs(10), stream.read(&mut part)).await
    {
        text.push_str(&String::from_utf8_lossy(part.get(..count).unwrap()));
    }
    text
}

/// The most memory the daemon has used so far, in megabytes.
fn peak(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.process())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1_024
}
