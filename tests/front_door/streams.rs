//! The change feed as it comes: requests that wait, and streams.

pub(crate) mod client;
mod crowd;
mod load;
mod tokens;

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use self::client::{Event, Stream};
use crate::harness::{Daemon, HostApp, sandbox};

/// Puts a weight of a user under the host app's own id.
async fn put(app: &HostApp, user: &str, app_id: &str, kilograms: f64) {
    let body = json!({"start": "2026-03-04T06:15:00Z", "measurement": {"type": "weight", "value": kilograms}});
    let path = format!("/v1/users/{user}/records/by-app-id/{app_id}");
    let (status, answer) = app.call(Method::PUT, &path, Some(&body.to_string())).await;
    assert!([200, 201].contains(&status.as_u16()), "{answer}");
}

fn cursor(change: &Value) -> &str {
    change["cursor"].as_str().unwrap()
}

#[tokio::test]
async fn streams_go_on_when_their_reader_fails_at_one_place_again_and_again() {
    let broken = [("FAILPOINTS", "streams::encode=4*panic(on purpose)->off")];
    let daemon = Daemon::start_with(&sandbox(), "", &broken).await;
    let app = &daemon.app;
    let mut all = Stream::open(app, "/v1/changes/stream", None).await;
    let mut ann = Stream::open(app, "/v1/users/ann/stream", None).await;
    put(app, "ann", "w-1", 70.0).await;
    // Each has read it for itself.
    assert_eq!(all.take(1).await[0].data, ann.take(1).await[0].data);
    assert!(daemon.log().contains("streams read these changes one by one"), "{}", daemon.log());
    put(app, "ann", "w-2", 71.0).await;
    assert_eq!(all.take(1).await[0].data["record"]["source"]["app"], "w-2");
    assert_eq!(ann.take(1).await[0].data["record"]["source"]["app"], "w-2");
}

#[tokio::test]
async fn a_request_that_waits_is_answered_by_the_next_change() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    let began = Instant::now();
    let none = app.get("/v1/changes?wait=400ms").await;
    assert_eq!(none, json!({"changes": [], "next_cursor": null}));
    assert!(began.elapsed() >= Duration::from_millis(400), "it waited: {:?}", began.elapsed());
    put(app, "ann", "w-1", 70.0).await;
    let began = Instant::now();
    let first = app.get("/v1/changes?wait=30s").await;
    assert!(began.elapsed() < Duration::from_secs(5), "there is something already");
    assert_eq!(first["changes"][0]["change"], "created");
    let mut latencies = Vec::new();
    for (number, only) in ["", "&only=records"].into_iter().enumerate() {
        let feed = app.changes().await;
        let end = cursor(feed.last().unwrap());
        let path = format!("/v1/changes?wait=1m&cursor={end}{only}");
        let waiting = tokio::spawn({
            let app = app.clone();
            async move { (app.get(&path).await, Instant::now()) }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!waiting.is_finished());
        put(app, "ann", "w-1", 71.0 + number as f64).await;
        let written = Instant::now();
        let (page, answered) = waiting.await.unwrap();
        latencies.push(answered.saturating_duration_since(written));
        assert_eq!(page["changes"][0]["record"]["measurement"]["value"], 71 + number);
    }
    println!("answered after {latencies:?}");
    assert!(latencies.iter().all(|it| *it < Duration::from_millis(500)), "{latencies:?}");
    // What was not asked for does not end the wait.
    let end = app.get("/v1/changes?limit=1000").await;
    let end = cursor(end["changes"].as_array().unwrap().last().unwrap()).to_owned();
    let waiting = format!("/v1/changes?wait=1s&only=connections&cursor={end}");
    let (page, ()) = tokio::join!(app.get(&waiting), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        put(app, "ann", "w-3", 72.0).await;
    });
    assert_eq!(page["changes"], json!([]));
    for wait in ["61s", "2m", "1h", "soon", "-1s", ""] {
        let (status, problem) =
            app.call(Method::GET, &format!("/v1/changes?wait={wait}"), None).await;
        assert_eq!(status, 400, "{wait}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains("wait"), "{problem}");
    }
}

#[tokio::test]
async fn a_stream_has_what_the_feed_has_from_now_on_or_from_any_place() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start(&sandbox, "").await;
    let app = daemon.app.clone();
    let mut from_the_beginning = Stream::open(&app, "/v1/changes/stream", None).await;
    put(&app, "ann", "w-1", 70.0).await;
    let mut all = Stream::open(&app, "/v1/changes/stream", None).await;
    let mut ann = Stream::open(&app, "/v1/users/ann/stream", None).await;
    let mut nobody = Stream::open(&app, "/v1/users/nobody/stream", None).await;
    app.connect(&sandbox, "ann", "withings").await;
    put(&app, "ben", "w-1", 80.0).await;
    put(&app, "ann", "w-1", 71.0).await;
    app.call(Method::DELETE, "/v1/users/ann/records/by-app-id/w-1", None).await;
    let feed = app.all("/v1/changes", "changes").await;
    let kinds = [
        "record.created",
        "connection.connected",
        "record.created",
        "record.updated",
        "record.deleted",
    ];
    for (event, (change, kind)) in
        from_the_beginning.take(5).await.iter().zip(feed.iter().zip(kinds))
    {
        assert_eq!(event.id, cursor(change));
        assert_eq!(event.kind, kind);
        assert_eq!(event.data["cursor"], change["cursor"]);
    }
    let (got, expected) = (all.take(4).await, feed.iter().skip(1).map(cursor).collect::<Vec<_>>());
    assert_eq!(ids(&got), expected);
    assert_eq!(got.last().unwrap().data, *feed.last().unwrap(), "the object of /v1/changes");
    let of_ann: Vec<_> = [1, 3, 4].map(|place: usize| cursor(&feed[place])).to_vec();
    assert_eq!(ids(&ann.take(3).await), of_ann);

    // From every place, by header and by cursor, before and after a restart.
    for restarted in [false, true] {
        if restarted {
            assert!(daemon.stop().await.success());
            daemon.launch().await;
        }
        for place in 0..4 {
            let (at, rest) = (cursor(&feed[place]), &feed[place + 1..]);
            let rest: Vec<_> = rest.iter().map(cursor).collect();
            let mut by_header = Stream::open(&app, "/v1/changes/stream", Some(at)).await;
            assert_eq!(by_header.start, at);
            assert_eq!(ids(&by_header.take(rest.len()).await), rest);
            let by_cursor = format!("/v1/changes/stream?cursor={at}");
            let mut by_cursor = Stream::open(&app, &by_cursor, None).await;
            assert_eq!(ids(&by_cursor.take(rest.len()).await), rest);
            // A browser asks for the same address again, with what it read last.
            let both = format!("/v1/users/ann/stream?cursor={}", cursor(&feed[0]));
            let mut both = Stream::open(&app, &both, Some(cursor(&feed[3]))).await;
            assert_eq!(ids(&both.take(1).await), [cursor(&feed[4])]);
        }
    }
    // Of a stream that ended before anything came, and began before there was anything.
    for start in [from_the_beginning.start.clone(), nobody.start.clone()] {
        let mut again = Stream::open(&app, "/v1/changes/stream", Some(&start)).await;
        let first = if start == nobody.start { 1 } else { 0 };
        assert_eq!(ids(&again.take(1).await), [cursor(&feed[first])]);
    }
    assert!(nobody.next().await.is_none(), "it ended with the daemon, and had nothing");
}

fn ids(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.id.as_str()).collect()
}

#[tokio::test]
async fn a_place_that_is_none_is_refused_as_by_the_feed_and_a_head_has_no_body() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    put(app, "ann", "w-1", 70.0).await;
    let end = app.changes().await;
    let end = cursor(&end[0]);
    let (feed, rest) = end.split_once('.').unwrap();
    for (place, status, kind) in [
        (format!("{feed}.900.1"), 410, "cursor-ahead"),
        (format!("0123456789abcdef.{rest}"), 410, "cursor-of-another-feed"),
        ("7".into(), 400, "bad-cursor"),
        (format!("{feed}.0.1"), 400, "bad-cursor"),
        (format!("{feed}.-1.0"), 400, "bad-cursor"),
    ] {
        for path in ["/v1/changes/stream", "/v1/users/ann/stream"] {
            for by_header in [false, true] {
                let (path, last) = match by_header {
                    true => (path.to_owned(), Some(place.as_str())),
                    false => (format!("{path}?cursor={place}"), None),
                };
                let (got, problem) = Stream::refused(app, &path, last).await;
                assert_eq!(got, status, "{path} {last:?}: {problem}");
                assert!(problem["type"].as_str().unwrap().ends_with(kind), "{problem}");
            }
        }
    }
    let (status, problem) = Stream::refused(app, "/v1/changes/stream?limit=3", None).await;
    assert_eq!(status, 400, "{problem}");
    for path in ["/v1/changes/stream", "/v1/users/ann/stream"] {
        let call = app.call(Method::HEAD, path, None);
        let (status, _) = tokio::time::timeout(Duration::from_secs(5), call).await.unwrap();
        assert_eq!(status, 200);
    }
}

#[tokio::test]
async fn a_daemon_that_stops_ends_streams_and_waits_at_once() {
    let mut daemon = Daemon::start(&sandbox(), "").await;
    let app = daemon.app.clone();
    let mut streams = Vec::new();
    for path in ["/v1/changes/stream", "/v1/users/ann/stream"] {
        streams.push(Stream::open(&app, path, None).await);
    }
    let waiting =
        tokio::spawn(async move { app.try_json(Method::GET, "/v1/changes?wait=1m").await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let began = Instant::now();
    assert!(daemon.stop().await.success());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let answer = waiting.await.unwrap();
    assert_eq!(answer, Some(json!({"changes": [], "next_cursor": null})));
    for stream in &mut streams {
        assert!(stream.next().await.is_none());
        assert!(stream.ended_well, "not cut off");
    }
}

#[tokio::test]
async fn a_stream_without_changes_has_a_comment_now_and_then() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let mut stream = Stream::open(&daemon.app, "/v1/changes/stream", None).await;
    assert_eq!(stream.retry, Some(2_000));
    let began = Instant::now();
    assert_eq!(stream.comment().await, "");
    assert!((10..25).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    put(&daemon.app, "ann", "w-1", 70.0).await;
    assert_eq!(stream.take(1).await[0].kind, "record.created");
}
