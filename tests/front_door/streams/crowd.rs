//! Very many who listen, most of them to a user to whom nothing happens. Their number is a thousand, or
//! what the environment says: `SYNCWELL_TEST_LISTENERS=9500` is as many as 20,000 descriptors allow here
//! and there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::put;
use crate::harness::{Daemon, HostApp, eventually, sandbox};

/// Every tenth listens to everything; the others to one user each.
const EVERYTHING: usize = 10;

fn listeners() -> usize {
    let named = std::env::var("SYNCWELL_TEST_LISTENERS").ok();
    named.map_or(1_000, |text| text.parse().unwrap())
}

/// What the listeners have got.
#[derive(Debug, Default)]
struct Got {
    starts: AtomicUsize,
    events: AtomicUsize,
    ends: AtomicUsize,
}

async fn listen(address: String, path: String, key: String, got: Arc<Got>) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let (mut part, mut line) = ([0; 4_096], Vec::new());
    loop {
        let count = socket.read(&mut part).await.unwrap_or_default();
        if count == 0 {
            got.ends.fetch_add(1, Ordering::Relaxed);
            return;
        }
        for byte in &part[..count] {
            line.push(*byte);
            if *byte == b'\n' {
                got.starts.fetch_add(usize::from(line.starts_with(b"retry: ")), Ordering::Relaxed);
                got.events.fetch_add(usize::from(line.starts_with(b"event: ")), Ordering::Relaxed);
                line.clear();
            }
        }
    }
}

/// Calls from a thread of its own: that of the listeners is busy.
struct Meanwhile(Arc<AtomicBool>, JoinHandle<Vec<Duration>>);

impl Meanwhile {
    fn ask(app: HostApp) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&ends);
        let ask = async move {
            let app = HostApp::new(app.address, app.key);
            let mut asked = Vec::new();
            while asked.is_empty() || !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                app.get("/v1/changes?limit=10").await;
                asked.push(began.elapsed());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            asked
        };
        let thread = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build().unwrap().block_on(ask)
        });
        Self(ends, thread)
    }

    fn end(self) -> Vec<Duration> {
        self.0.store(true, Ordering::Relaxed);
        self.1.join().unwrap()
    }
}

fn middle(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], *times.last().unwrap())
}

#[tokio::test]
async fn a_crowd_that_listens_costs_little_and_hears_at_once() {
    let count = listeners();
    let mut daemon = Daemon::start(&sandbox(), "").await;
    let app = daemon.app.clone();
    put(&app, "ann", "w-0", 70.0).await;
    let before = daemon.memory_mb("VmRSS");
    let (got, began) = (Arc::new(Got::default()), Instant::now());
    let at_once = Arc::new(Semaphore::new(200));
    for number in 0..count {
        let path = match number % EVERYTHING {
            0 => "/v1/changes/stream".to_owned(),
            _ => format!("/v1/users/user-{number}/stream"),
        };
        let address = daemon.address.trim_start_matches("http://").to_owned();
        let (key, got) = (app.key.clone(), Arc::clone(&got));
        let place = Arc::clone(&at_once).acquire_owned().await.unwrap();
        tokio::spawn(async move {
            let opening = async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                drop(place)
            };
            tokio::join!(listen(address, path, key, got), opening);
        });
    }
    let all = eventually(async || got.starts.load(Ordering::Relaxed) == count).await;
    assert!(all, "{got:?} of {count}: {}", daemon.log());
    let opened = began.elapsed();
    let grown = daemon.memory_mb("VmRSS").saturating_sub(before);
    println!(
        "{count} listeners in {opened:?}: {grown} MB, {} kB each",
        grown * 1_024 / count as u64
    );
    assert!(grown * 1_024 < 40 * count as u64 + 20_480, "{grown} MB");

    let of_all = count.div_ceil(EVERYTHING);
    let (mut heard, mut asked) = (Vec::new(), Vec::new());
    for round in 1..=20 {
        let expected = got.events.load(Ordering::Relaxed) + of_all;
        put(&app, "ann", "w-0", 70.0 + f64::from(round) / 10.0).await;
        let written = Instant::now();
        while got.events.load(Ordering::Relaxed) < expected {
            assert!(written.elapsed() < Duration::from_secs(30), "{got:?} of {expected}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        heard.push(written.elapsed());
        let began = Instant::now();
        app.get("/v1/changes?limit=10").await;
        asked.push(began.elapsed());
    }
    println!("to {of_all} listeners (median, longest): {:?}", middle(heard));
    println!("GET /v1/changes (median, longest): {:?}", middle(asked));
    // Also each user's own.
    let expected = got.events.load(Ordering::Relaxed) + of_all + 1;
    put(&app, "user-7", "w-1", 70.0).await;
    let written = Instant::now();
    let came = eventually(async || got.events.load(Ordering::Relaxed) >= expected).await;
    println!("to {of_all} and one of its own: {:?}", written.elapsed());
    assert!(came, "{got:?}");
    // A burst, and what others ask meanwhile.
    let expected = got.events.load(Ordering::Relaxed) + 500 * of_all;
    let records: Vec<_> = (0..500)
        .map(|number| {
            serde_json::json!({"app_id": format!("b-{number}"), "start": "2026-03-04T06:15:00Z",
                "measurement": {"type": "weight", "value": 71}})
        })
        .collect();
    let body = serde_json::json!({"records": records}).to_string();
    let written = Instant::now();
    let (status, _) = app.call(reqwest::Method::POST, "/v1/users/ann/records", Some(&body)).await;
    assert_eq!(status, 201);
    let meanwhile = Meanwhile::ask(app.clone());
    while got.events.load(Ordering::Relaxed) < expected {
        assert!(written.elapsed() < Duration::from_secs(60), "{got:?} of {expected}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let asked = meanwhile.end();
    println!("500 changes to {of_all} listeners: {:?}", written.elapsed());
    println!("GET /v1/changes meanwhile (median, longest): {:?}", middle(asked));
    println!("memory afterwards: {} MB", daemon.memory_mb("VmRSS"));
    let began = Instant::now();
    assert!(daemon.stop().await.success());
    println!("stopped in {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(eventually(async || got.ends.load(Ordering::Relaxed) == count).await, "{got:?}");
}
