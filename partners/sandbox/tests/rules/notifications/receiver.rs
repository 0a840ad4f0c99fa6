//! An application's callback address.

use std::net::TcpListener;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use serde_json::Value;

/// A call that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// A parameter of the query.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        pair(query.as_bytes(), name)
    }

    /// A field of a form.
    pub(crate) fn form(&self, name: &str) -> Option<String> {
        pair(&self.body, name)
    }
}

fn pair(text: &[u8], name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(text);
    pairs.find(|(have, _)| have == name).map(|(_, value)| value.into_owned())
}

/// Status, body, and how long it takes.
pub(crate) type Said = (u16, String, Duration);

type Answers = Box<dyn Fn(&Received) -> Said + Send + Sync>;

#[derive(Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    arrived: Condvar,
    answers: Mutex<Option<Answers>>,
}

/// Takes calls until it is dropped.
pub(crate) struct Receiver {
    url: String,
    shared: Arc<Shared>,
    running: Option<(ServerHandle, JoinHandle<()>)>,
}

pub(crate) fn says(status: u16) -> Said {
    (status, String::new(), Duration::ZERO)
}

impl Receiver {
    /// Answers each call as that function says.
    pub(crate) fn start(answers: impl Fn(&Received) -> Said + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        *shared.answers.lock().unwrap() = Some(Box::new(answers));
        let (sender, receiver) = std::sync::mpsc::channel();
        let data = Data::from(Arc::clone(&shared));
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    App::new().app_data(data.clone()).default_service(web::to(take))
                })
                .workers(1)
                .disable_signals()
                .listen(listener)
                .unwrap()
                .run();
                sender.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        let running = Some((receiver.recv().unwrap(), thread));
        Self { url, shared, running }
    }

    /// Answers every call with that status.
    pub(crate) fn of(status: u16) -> Self {
        Self::start(move |_| says(status))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub(crate) fn answer(&self, answers: impl Fn(&Received) -> Said + Send + Sync + 'static) {
        *self.shared.answers.lock().unwrap() = Some(Box::new(answers));
    }

    /// Takes what has arrived, once it is that many.
    pub(crate) fn take(&self, count: usize) -> Vec<Received> {
        let received = self.shared.received.lock().unwrap();
        let patience = Duration::from_secs(20);
        let (mut received, _) = self
            .shared
            .arrived
            .wait_timeout_while(received, patience, |received| received.len() < count)
            .unwrap();
        assert_eq!(received.len(), count, "{received:?}");
        std::mem::take(&mut *received)
    }

    pub(crate) fn one(&self) -> Received {
        self.take(1).remove(0)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some((server, thread)) = self.running.take() {
            drop(server.stop(false));
            thread.join().unwrap();
        }
    }
}

async fn take(shared: Data<Shared>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let text = |value: &actix_web::http::header::HeaderValue| value.to_str().unwrap().to_owned();
    let headers = request.headers().iter();
    let received = Received {
        method: request.method().to_string(),
        target: request.uri().to_string(),
        headers: headers.map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.to_vec(),
    };
    let (status, body, takes) = shared.answers.lock().unwrap().as_ref().unwrap()(&received);
    shared.received.lock().unwrap().push(received);
    shared.arrived.notify_all();
    if !takes.is_zero() {
        actix_rt::time::sleep(takes).await;
    }
    HttpResponse::build(StatusCode::from_u16(status).unwrap()).body(body)
}
