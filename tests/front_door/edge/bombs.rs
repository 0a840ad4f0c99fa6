//! Bodies that unpack to far more than they are.

use flate2::{Compress, Compression, FlushCompress};
use futures_util::future::join_all;
use reqwest::header::CONTENT_ENCODING;

use super::{MADE_UP, RECORDS, peak};
use crate::harness::{Daemon, sandbox};

const AT_ONCE: usize = 40;

/// A gigabyte of zeros in a gzip file of a megabyte. Each block stands for itself, so that one is
/// enough.
fn bomb() -> Vec<u8> {
    let mut packer = Compress::new(Compression::best(), false);
    let mut block = Vec::with_capacity(65_536);
    packer.compress_vec(&vec![0; 1 << 20], &mut block, FlushCompress::Full).unwrap();
    assert_eq!(packer.total_in(), 1 << 20);
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    for _ in 0..1_024 {
        file.extend(&block);
    }
    file
}

#[tokio::test]
async fn a_body_is_not_unpacked_whatever_the_key() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let (bomb, began) = (bytes::Bytes::from(bomb()), peak(&daemon));
    assert!(bomb.len() < 2 << 20, "{}", bomb.len());
    let good = daemon.app.key.clone();
    let (scope_and_id, _) = good.rsplit_once('_').unwrap();
    let wrong = format!("{scope_and_id}_0123456789abcdef0123456789abcdef");
    for (name, key, statuses) in [
        ("good", &good, &[415][..]),
        ("wrong", &wrong, &[401, 429]),
        ("made up", &MADE_UP.into(), &[401, 429]),
    ] {
        let calls = (0..AT_ONCE).map(|_| {
            let url = format!("{}{RECORDS}", daemon.address);
            let request = daemon.app.client.post(url).bearer_auth(key);
            request.header(CONTENT_ENCODING, "gzip").body(bomb.clone()).send()
        });
        let answers = join_all(calls).await;
        // A client that is still sending may miss the answer.
        let seen: Vec<_> =
            answers.iter().flatten().map(|answer| answer.status().as_u16()).collect();
        assert!(seen.len() > AT_ONCE / 2, "{name}: {answers:?}");
        assert!(seen.iter().all(|status| statuses.contains(status)), "{name}: {seen:?}");
        let most = peak(&daemon);
        println!("{AT_ONCE} gzip bombs with a {name} key: {began} MB before, {most} MB at most");
        assert!(most < began + 150, "{name}: {began} MB before, {most} MB at most");
    }
}

#[tokio::test]
async fn a_packed_body_is_refused_with_what_to_send_instead() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let url = format!("{}/v1/users/ann/connections/withings/authorize", daemon.address);
    for (encoding, status) in [
        ("gzip", 415),
        ("deflate", 415),
        ("br", 415),
        ("zstd", 415),
        ("x-gzip", 415),
        ("identity, gzip", 415),
        ("", 201),
        ("identity", 201),
        ("Identity", 201),
    ] {
        let request = daemon.app.client.post(&url).bearer_auth(&daemon.app.key);
        let answer = request.header(CONTENT_ENCODING, encoding).body("{}").send().await.unwrap();
        assert_eq!(answer.status(), status, "{encoding}");
        if status == 415 {
            assert_eq!(answer.headers()["content-type"], "application/problem+json", "{encoding}");
            assert_eq!(answer.headers()["accept-encoding"], "identity", "RFC 9110 §15.5.16");
            let problem = answer.text().await.unwrap();
            assert!(problem.contains("Content-Encoding"), "{problem}");
        }
    }
    let stranger = daemon.app.client.post(&url).bearer_auth(MADE_UP);
    let answer = stranger.header(CONTENT_ENCODING, "gzip").body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 401, "the key is looked at first");
}
