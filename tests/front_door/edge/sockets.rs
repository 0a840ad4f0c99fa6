//! Callers that hold connections open, and a process that runs out of them or is suspended.

use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{RECORDS, connected};
use crate::harness::{Daemon, eventually, sandbox, values};

/// Headers must be complete after five seconds.
const HEADERS_WITHIN: Duration = Duration::from_secs(15);

/// Whether the daemon closes a connection in time.
async fn is_closed(mut stream: TcpStream) -> bool {
    let mut part = [0; 1_024];
    let closed = async { while matches!(stream.read(&mut part).await, Ok(1..)) {} };
    tokio::time::timeout(HEADERS_WITHIN, closed).await.is_ok()
}

#[tokio::test]
async fn connections_that_send_little_or_nothing_delay_nobody_and_are_closed() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let mut slow = Vec::new();
    for number in 0..300 {
        let mut stream = connected(&daemon).await;
        if number % 2 == 0 {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ").await.unwrap();
        }
        slow.push(stream);
    }
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(daemon.app.call(Method::GET, "/healthz", None).await.0, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let closed = futures_util::future::join_all(slow.into_iter().map(is_closed)).await;
    let open = closed.iter().filter(|closed| !**closed).count();
    assert_eq!(open, 0, "of 300 connections");
}

#[tokio::test]
async fn a_daemon_without_free_descriptors_goes_on_when_there_are_some() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let process = daemon.process();
    let used = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().count();
    let limit = |most: usize| {
        let arguments = [format!("--pid={process}"), format!("--nofile={most}:")];
        assert!(Command::new("prlimit").args(arguments).status().unwrap().success());
    };
    limit(used + 5);
    let mut held = Vec::new();
    for _ in 0..100 {
        // What the daemon cannot accept waits in the machine's queue.
        held.extend(TcpStream::connect(daemon.address.trim_start_matches("http://")).await.ok());
    }
    let mut late = connected(&daemon).await;
    late.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(1), late.read(&mut [0; 1])).await;
    assert!(answer.is_err(), "it has free descriptors: {answer:?}");
    drop(held);
    limit(1_024);
    let answers = eventually(async || {
        let answer = daemon.app.client.get(format!("{}/readyz", daemon.address)).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    });
    assert!(answers.await, "{}", daemon.log());
    let body = json!({"records": [{"app_id": "a", "start": "2026-03-04T06:15:00+02:00",
        "measurement": {"type": "weight", "value": 71}}]});
    let (status, _) = daemon.app.call(Method::POST, RECORDS, Some(&body.to_string())).await;
    assert_eq!(status, 201);
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
}

#[tokio::test]
async fn a_daemon_that_was_suspended_goes_on_where_it_was() {
    let sandbox = sandbox();
    let settings = "[scheduler]\ngroups = [\"1s\"]\nmin_gap = \"100ms\"\n";
    let daemon = Daemon::start_of(&["runkeeper"], &sandbox, settings, &[]).await;
    let control = sandbox.control();
    daemon.app.connect(&sandbox, "ann", "runkeeper").await;
    let signal = |name: &str| {
        let arguments = [format!("-{name}"), daemon.process().to_string()];
        assert!(Command::new("kill").args(arguments).status().unwrap().success());
    };
    let mut expected = Vec::new();
    for round in 0..3_u32 {
        for number in 0..20_u32 {
            let kilograms = f64::from(60 + round * 20 + number);
            let item = json!({"timestamp": "Sat, 1 Nov 2025 07:00:00", "weight": kilograms});
            control.append("runkeeper", "ann", "weight", vec![item]).unwrap();
            expected.push(kilograms);
        }
        signal("STOP");
        tokio::time::sleep(Duration::from_secs(2)).await;
        signal("CONT");
    }
    let all_came = eventually(async || {
        let mut there = values(&daemon.app.records("ann").await, "weight");
        there.sort_by(f64::total_cmp);
        there == expected
    });
    assert!(all_came.await, "{:?}", values(&daemon.app.records("ann").await, "weight"));
    assert_eq!(control.counts("runkeeper").unwrap().rejected, 0);
}
