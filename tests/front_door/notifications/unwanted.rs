//! Calls that are not the partner's.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::json;

use crate::harness::{eventually, sandbox};
use crate::notifications::{WITHIN, announced_syncs, run, with_ann};

#[tokio::test]
async fn forged_ones_cost_no_call_and_the_log_has_nothing_of_them() {
    let sandbox = sandbox();
    let (daemon, sender, account) = with_ann(&sandbox, "", &[]).await;
    let control = sandbox.control();
    run(&control, "ann", 60);
    control.reset_counts("moves").unwrap();
    let body = format!("{{\"userId\":{account},\"note\":\"sesame\"}}");
    let forged = stream::iter(0..10_000).map(|_| {
        let request = sender.client.post(&sender.address).body(body.clone());
        let signed = request.header("x-moves-signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        signed.header("x-moves-timestamp", "1772597700").header("x-moves-nonce", "1").send()
    });
    let mut forged = forged.buffer_unordered(50);
    while let Some(answer) = forged.next().await {
        assert_eq!(answer.unwrap().status(), 401);
    }
    assert_eq!(control.counts("moves").unwrap().calls, 0);
    assert_eq!(daemon.app.records("ann").await.len(), 0);
    assert_eq!(daemon.actor("moves").await["notifications"]["refused"], 10_000);
    let log = daemon.log();
    let lines = log.lines().filter(|line| line.contains("a notification was refused")).count();
    assert!((1..=10).contains(&lines), "{lines} lines");
    assert!(!log.contains("sesame") && !log.contains(&account), "{log}");
}

async fn problem(answer: reqwest::Response) -> serde_json::Value {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn whoever_does_not_know_the_address_finds_nothing_there() {
    let sandbox = sandbox();
    let (daemon, sender, account) = with_ann(&sandbox, "", &[]).await;
    let secret = sender.address.rsplit('/').next().unwrap();
    let body = format!("{{\"userId\":{account}}}");
    let unknown = daemon.app.client.get(format!("{}/nothing", daemon.address)).send().await;
    let unknown = problem(unknown.unwrap()).await;
    for path in [
        "/notifications/moves/wrong".to_owned(),
        format!("/notifications/moves/{secret}x"),
        format!("/notifications/moves/{}", secret.split_at(1).1),
        format!("/notifications/withings/{secret}"),
        format!("/notifications/nobody/{secret}"),
        format!("/notifications/nobody/{secret}/tail"),
    ] {
        for method in [Method::GET, Method::HEAD, Method::POST] {
            let url = format!("{}{path}", daemon.address);
            let request = daemon.app.client.request(method.clone(), url).body(body.clone());
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 404, "{method} {path}");
            if method != Method::HEAD {
                let problem = problem(answer).await;
                assert_eq!(problem["type"], unknown["type"], "{problem}");
            }
        }
    }
    for method in [Method::GET, Method::HEAD] {
        for tail in ["", "/", "/more"] {
            let url = format!("{}{tail}", sender.address);
            let answer = daemon.app.client.request(method.clone(), &url).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{method} {tail}: the partner checks the address so");
        }
    }
    let answer = daemon.app.client.delete(&sender.address).send().await.unwrap();
    assert_eq!(answer.status(), 405);
}

#[tokio::test]
async fn bodies_that_are_long_slow_or_wrong_are_refused() {
    let sandbox = sandbox();
    let (daemon, sender, account) = with_ann(&sandbox, "", &[]).await;
    let long = "x".repeat(70_000);
    assert_eq!(sender.signed(&long).send().await.unwrap().status(), 413);
    for wrong in ["", "{}", "[]", "{\"userId\":null}"] {
        assert_eq!(sender.signed(wrong).send().await.unwrap().status(), 400, "{wrong}");
    }
    let host = daemon.address.strip_prefix("http://").unwrap().to_owned();
    let path = sender.address.strip_prefix(&daemon.address).unwrap().to_owned();
    let slow = tokio::task::spawn_blocking(move || {
        let began = Instant::now();
        let mut stream = TcpStream::connect(&host).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\n{{");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = [0; 64];
        let length = stream.read(&mut answer).unwrap();
        (String::from_utf8_lossy(&answer[..length]).into_owned(), began.elapsed())
    });
    let (answer, took) = slow.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(took < WITHIN, "{took:?}");
    assert_eq!(sender.announce(&account).await, 200, "the partner is heard all the same");
}

#[tokio::test]
async fn users_who_are_not_connected_cost_no_call() {
    let sandbox = sandbox();
    let (daemon, sender, account) = with_ann(&sandbox, "", &[]).await;
    let control = sandbox.control();
    let (status, _) =
        daemon.app.call(Method::DELETE, "/v1/users/ann/connections/moves", None).await;
    assert!(status.is_success());
    control.reset_counts("moves").unwrap();
    for account in [account.as_str(), "1", "99999999999999999"] {
        assert_eq!(sender.announce(account).await, 200);
    }
    assert_eq!(control.counts("moves").unwrap().calls, 0);
    assert_eq!(daemon.actor("moves").await["notifications"]["unknown_user"], 3);
}

#[tokio::test]
async fn the_same_again_and_again_without_anything_new_is_looked_at_now_and_then() {
    let sandbox = sandbox();
    let (daemon, sender, account) =
        with_ann(&sandbox, "[scheduler]\nmin_gap = \"10ms\"\n", &[]).await;
    let control = sandbox.control();
    assert_eq!(sender.announce(&account).await, 200);
    assert!(eventually(async || announced_syncs(&daemon).await == 1).await);
    control.reset_counts("moves").unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        assert_eq!(sender.announce(&account).await, 200);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(announced_syncs(&daemon).await <= 2, "at most one more");
}

#[tokio::test]
async fn the_settings_switch_them_off() {
    let sandbox = sandbox();
    let (mut daemon, sender, account) = with_ann(&sandbox, "", &[]).await;
    assert!(daemon.stop().await.success());
    daemon.set_environment(&[("SYNCWELL__PARTNERS__MOVES__NOTIFICATIONS", "false")]);
    daemon.launch().await;
    assert_eq!(sender.announce(&account).await, 404);
    let shown = daemon.app.connection("ann", "moves").await["notifications"].clone();
    assert_eq!(shown["state"], "off");
    assert_eq!(shown["reason"], json!("partners.moves.notifications is false"));
    let output = daemon.command(&["partner", "list"]);
    assert!(!String::from_utf8(output.stdout).unwrap().contains(&sender.address));
}
