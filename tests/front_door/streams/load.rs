//! Many writers and readers, restarts, and readers that do not keep up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::Stream;
use super::cursor;
use crate::harness::{Daemon, HostApp, TIMEOUT, sandbox};

const WRITERS: usize = 10;
const ROUNDS: usize = 60;

/// Writes new records of one user until all are stored, whatever happens to the daemon.
async fn write(app: HostApp, user: String) {
    for round in 0..ROUNDS {
        let path = format!("/v1/users/{user}/records/by-app-id/w-{round}");
        let body = json!({"start": "2026-03-04T06:15:00Z",
            "measurement": {"type": "weight", "value": 60 + round}});
        while app.try_call(Method::PUT, &path, &body).await.is_none_or(|it| it.as_u16() >= 500) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// How a reader reads.
#[derive(Clone, Copy, Debug)]
enum Way {
    Waits,
    Streams,
    StreamsUser,
}

/// Reads from the beginning on, and starts over from its last cursor at random moments, until it is asked
/// to stop and has nothing left to read for a second. Returns all cursors it read.
async fn read(
    app: HostApp,
    way: Way,
    user: String,
    begin: String,
    stop: Arc<AtomicBool>,
) -> Vec<String> {
    let mut read: Vec<String> = Vec::new();
    let mut quiet_since = Instant::now();
    while !(stop.load(Ordering::Relaxed) && quiet_since.elapsed() > Duration::from_secs(2)) {
        let last = read.last().cloned().unwrap_or_else(|| begin.clone());
        let before = read.len();
        // Some are cut off in the middle of things, and what was not read then comes again.
        let patience = Duration::from_millis(rand::random_range(20..700));
        let path = match way {
            Way::Waits => {
                let path = format!("/v1/changes?wait=1s&limit=7&cursor={last}");
                if let Some(page) = app.try_json(Method::GET, &path).await
                    && let Some(changes) = page["changes"].as_array()
                {
                    read.extend(changes.iter().map(|change| cursor(change).to_owned()));
                } else {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                String::new()
            }
            Way::Streams => "/v1/changes/stream".to_owned(),
            Way::StreamsUser => format!("/v1/users/{user}/stream"),
        };
        if !path.is_empty() {
            match Stream::try_open(&app, &path, Some(&last)).await {
                Some(mut stream) => {
                    let reading = async {
                        while let Some(event) = stream.next().await {
                            read.push(event.id);
                        }
                    };
                    drop(tokio::time::timeout(patience, reading).await);
                }
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        if read.len() > before {
            quiet_since = Instant::now();
        }
    }
    read
}

#[tokio::test]
async fn every_change_reaches_every_reader_once_and_in_order_whatever_restarts() {
    let mut daemon = Daemon::start(&sandbox(), "").await;
    let app = daemon.app.clone();
    let begin = Stream::open(&app, "/v1/changes/stream", None).await.start.clone();
    let user = |number: usize| format!("user-{}", number % WRITERS);
    let writers: Vec<_> =
        (0..WRITERS).map(|number| tokio::spawn(write(app.clone(), user(number)))).collect();
    let ways = [Way::Waits, Way::Streams, Way::StreamsUser, Way::Streams, Way::StreamsUser];
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..10)
        .map(|number| {
            let (way, user) = (ways[number % ways.len()], user(number));
            let reader = read(app.clone(), way, user.clone(), begin.clone(), Arc::clone(&stop));
            (way, user, tokio::spawn(reader))
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(700)).await;
    daemon.kill();
    daemon.launch().await;
    for writer in writers {
        tokio::time::timeout(TIMEOUT, writer).await.unwrap().unwrap();
    }
    assert!(daemon.stop().await.success());
    daemon.launch().await;
    stop.store(true, Ordering::Relaxed);
    let feed = app.changes().await;
    assert_eq!(feed.len(), WRITERS * ROUNDS);
    let mut of_users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for change in &feed {
        let user = change["record"]["user_id"].as_str().unwrap();
        of_users.entry(user).or_default().push(cursor(change));
    }
    let all: Vec<&str> = feed.iter().map(cursor).collect();
    for (way, user, reader) in readers {
        let read = tokio::time::timeout(TIMEOUT, reader).await.unwrap().unwrap();
        let expected = match way {
            Way::StreamsUser => &of_users[user.as_str()],
            Way::Waits | Way::Streams => &all,
        };
        assert_eq!(read, *expected, "{way:?} {user}");
    }
}

/// The `id`s of the events in a raw answer.
fn ids(raw: &str) -> Vec<String> {
    let ids = raw.lines().filter_map(|line| line.strip_prefix("id: "));
    ids.map(|id| id.trim().to_owned()).collect()
}

#[tokio::test]
async fn who_does_not_read_costs_little_delays_nobody_and_misses_nothing() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut socket =
            TcpStream::connect(daemon.address.trim_start_matches("http://")).await.unwrap();
        let head = format!(
            "GET /v1/changes/stream HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n",
            app.key
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        slow.push(socket);
    }
    let mut quick = Stream::open(app, "/v1/changes/stream", None).await;
    let before = daemon.memory_mb("VmRSS");
    // More than the sockets of the slow ones take in: some 12 MB.
    let name = "x".repeat(900);
    let mut written = 0;
    for round in 0..10 {
        let records: Vec<Value> = (0..1_000)
            .map(|number| {
                json!({"app_id": format!("r-{round}-{number}"), "start": "2026-03-04T06:15:00Z",
                    "nutrition": {"meal": "lunch", "name": name, "energy_kcal": 500}})
            })
            .collect();
        let body = json!({"records": records}).to_string();
        let (status, answer) = app.call(Method::POST, "/v1/users/ann/records", Some(&body)).await;
        assert_eq!(status, 201, "{answer}");
        written += 1_000;
        let began = Instant::now();
        quick.take(1_000).await;
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
    let grown = daemon.memory_mb("VmRSS").saturating_sub(before);
    assert!(grown < 120, "{grown} MB for 20 who do not read 12 MB");
    let feed: Vec<String> = app.changes().await.iter().map(|it| cursor(it).to_owned()).collect();
    assert_eq!(feed.len(), written);
    let mut socket = slow.pop().unwrap();
    let (mut raw, mut part) = (Vec::new(), vec![0; 1 << 20]);
    let last = format!("id: {}\n", feed.last().unwrap());
    let began = Instant::now();
    loop {
        let count = socket.read(&mut part).await.unwrap();
        assert!(count > 0 && began.elapsed() < TIMEOUT, "it ended early");
        raw.extend_from_slice(&part[..count]);
        let tail = raw.len().saturating_sub(4_096);
        if String::from_utf8_lossy(&raw[tail..]).contains(&last) {
            break;
        }
    }
    let got = ids(&without_chunks(&raw));
    assert_eq!(got.len(), written + 1, "with where it starts");
    assert_eq!(got[1..], feed);
}

/// The body of a raw answer, without the lengths of its chunks.
fn without_chunks(raw: &[u8]) -> String {
    let begins = raw.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let (mut rest, mut body) = (&raw[begins..], Vec::new());
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let length = std::str::from_utf8(&rest[..end]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        let chunk = &rest[end + 2..];
        body.extend_from_slice(&chunk[..length.min(chunk.len())]);
        rest = chunk.get(length + 2..).unwrap_or_default();
    }
    String::from_utf8(body).unwrap()
}
