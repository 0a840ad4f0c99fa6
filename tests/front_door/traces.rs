//! Traces as a collector gets them: one from a notification over the sync to the webhook.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{Daemon, NOTIFIED, eventually, sandbox, weight};
use crate::metrics::is_announced;
use crate::webhooks::receiver::{Message, Receiver};
use crate::webhooks::{ALLOWED, subscribe};

/// A collector that takes OTLP over HTTP.
#[derive(Clone)]
struct Collector {
    url: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let collector = Self { url, spans: Arc::default() };
        let serving = collector.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let collector = serving.clone();
                tokio::spawn(async move { collector.serve(stream).await });
            }
        });
        collector
    }

    async fn serve(&self, mut stream: TcpStream) {
        let mut buffer = Vec::new();
        while let Some((head, body)) = request(&mut stream, &mut buffer).await {
            assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
            assert!(head.contains("application/x-protobuf"), "{head}");
            let sent = ExportTraceServiceRequest::decode(&*body).unwrap();
            let resources = sent.resource_spans.into_iter().flat_map(|it| it.scope_spans);
            self.spans.lock().unwrap().extend(resources.flat_map(|it| it.spans));
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    }

    fn of(&self, trace: &[u8]) -> Vec<Span> {
        let spans = self.spans.lock().unwrap();
        spans.iter().filter(|span| span.trace_id == trace).cloned().collect()
    }
}

/// Reads a request whose length is known: its head, and its body.
async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    let mut chunk = vec![0; 64 * 1024];
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end + 4]).into_owned();
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            let length: usize = length.unwrap().1.parse().unwrap();
            if buffer.len() >= end + 4 + length {
                let body = buffer[end + 4..end + 4 + length].to_vec();
                buffer.drain(..end + 4 + length);
                return Some((head, body));
            }
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => buffer.extend(&chunk[..read]),
        }
    }
}

/// The ids of the trace and of the span that a message names.
fn traceparent(message: &Message) -> Option<(Vec<u8>, Vec<u8>)> {
    let header = message.headers.get("traceparent")?.to_str().unwrap();
    let parts: Vec<&str> = header.split('-').collect();
    assert_eq!((parts.len(), parts[0], parts[3]), (4, "00", "01"), "{header}");
    let bytes = |text: &str| {
        let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect::<Vec<u8>>()
    };
    Some((bytes(parts[1]), bytes(parts[2])))
}

fn one<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} in {:?}", names(spans));
    found[0]
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

#[tokio::test]
async fn one_trace_leads_from_a_notification_over_the_sync_to_the_webhook() {
    let (sandbox, receiver) = (sandbox(), Receiver::start().await);
    let collector = Collector::start().await;
    let endpoint = ("SYNCWELL__TRACES__ENDPOINT", collector.url.as_str());
    // An interval of the library.
    let soon = ("OTEL_BSP_SCHEDULE_DELAY", "50");
    let environment = [NOTIFIED, endpoint, soon];
    let mut daemon = Daemon::start_of(&["withings"], &sandbox, ALLOWED, &environment).await;
    let control = sandbox.control();
    daemon.app.connect(&sandbox, "ann-of-traces", "withings").await;
    subscribe(&daemon.app, &receiver.url, &["record.created"]).await;
    let add = |grams| {
        let group = weight(&control, grams, grams);
        control.append("withings", "ann-of-traces", "measure", vec![group]).unwrap();
    };
    is_announced(&daemon, &sandbox, "ann-of-traces").await;
    add(71_300);
    receiver.gets(1).await;
    let (trace, span) = traceparent(&receiver.got()[0]).unwrap();
    let whole = ["request", "sync", "partner call", "commit", "webhook"];
    let is_whole = |spans: &[Span]| whole.iter().all(|name| names(spans).contains(name));
    let came = eventually(async || is_whole(&collector.of(&trace))).await;
    let spans = collector.of(&trace);
    assert!(came, "{:?}", names(&spans));
    let (request, sync, webhook) =
        (one(&spans, "request"), one(&spans, "sync"), one(&spans, "webhook"));
    assert!(request.parent_span_id.is_empty(), "it begins with the notification");
    assert_eq!(sync.parent_span_id, request.span_id, "which led to the sync");
    assert_eq!(webhook.span_id, span, "the receiver goes on from the attempt");
    assert_eq!(webhook.parent_span_id, sync.span_id, "the sync led to the webhook");
    for span in spans.iter().filter(|span| ["partner call", "commit"].contains(&&*span.name)) {
        assert_eq!(span.parent_span_id, sync.span_id, "{span:?}");
    }
    let said = format!("{spans:?}");
    assert!(said.contains("/notifications/{partner}/{secret}"), "{said}");
    for secret in ["ann-of-traces", "hidden-key", "71.3"] {
        assert!(!said.contains(secret), "{secret} in {said}");
    }

    assert!(daemon.stop().await.success(), "what was not sent yet is sent before the end");
    daemon.set_environment(&[NOTIFIED, endpoint, ("SYNCWELL__TRACES__SAMPLE_RATIO", "0")]);
    collector.spans.lock().unwrap().clear();
    daemon.launch().await;
    add(72_300);
    receiver.gets(2).await;
    assert!(traceparent(&receiver.got()[1]).is_none(), "of what is not sampled nobody is informed");
    assert!(daemon.stop().await.success());
    assert_eq!(names(&collector.spans.lock().unwrap()), [""; 0]);
}
