//! A partner that answers what it likes: it stands before the simulated one and passes on what it has
//! no answer of its own for.

use std::sync::{Arc, Mutex};

use partner_sandbox::Sandbox;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// An answer of its own.
#[derive(Clone)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Arc<Vec<u8>>,
    end: End,
}

/// What follows the body.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// Nothing: it is complete.
    Complete,
    /// One more byte, which never comes.
    Hangs,
    /// The same again, without end.
    Endless,
}

impl Answer {
    pub(crate) fn json(body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self { status: 200, headers, body: Arc::new(body.into()), end: End::Complete }
    }

    pub(crate) fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Exactly these bytes.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { status: 0, ..Self::json(bytes) }
    }

    /// The same, compressed.
    pub(crate) fn gzipped(self) -> Self {
        use std::io::Write as _;
        let mut child = std::process::Command::new("gzip")
            .args(["-9", "-c"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let (mut into, body) = (child.stdin.take().unwrap(), Arc::clone(&self.body));
        let writing = std::thread::spawn(move || into.write_all(&body).unwrap());
        let body = Arc::new(child.wait_with_output().unwrap().stdout);
        writing.join().unwrap();
        Self { body, ..self }.header("content-encoding", "gzip")
    }

    /// The same, but its last byte never comes.
    pub(crate) fn that_hangs(self) -> Self {
        Self { end: End::Hangs, ..self }
    }

    /// The same again and again, in one body without end.
    pub(crate) fn without_end(self) -> Self {
        Self { end: End::Endless, ..self }
    }

    async fn send(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        if self.status == 0 {
            stream.write_all(&self.body).await?;
            return stream.shutdown().await;
        }
        let mut head = format!("HTTP/1.1 {} Own\r\nconnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.end == End::Endless {
            head.push_str("transfer-encoding: chunked\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            loop {
                stream.write_all(format!("{:x}\r\n", self.body.len()).as_bytes()).await?;
                stream.write_all(&self.body).await?;
                stream.write_all(b"\r\n").await?;
            }
        }
        let promised = self.body.len() + usize::from(self.end == End::Hangs);
        head.push_str(&format!("content-length: {promised}\r\n\r\n"));
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&self.body).await?;
        if self.end == End::Hangs {
            // Until the other side has had enough.
            let mut nothing = [0];
            drop(stream.read(&mut nothing).await);
        }
        stream.shutdown().await
    }
}

/// A request of the daemon.
pub(crate) struct Request {
    /// `METHOD /path?query`
    pub(crate) line: String,
    /// All headers.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn is_getmeas(&self) -> bool {
        self.line.starts_with("POST /measure") && self.body.contains("action=getmeas")
    }
}

/// Decides about a request.
type Rule = Arc<dyn Fn(&Request) -> Option<Answer> + Send + Sync>;

/// The partner; it ends when dropped.
pub(crate) struct Fake {
    /// Where the daemon finds it instead of the simulated one.
    pub(crate) api_url: String,
    rule: Arc<Mutex<Rule>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Fake {
    /// Stands before that partner of the sandbox.
    pub(crate) async fn before(sandbox: &Sandbox, partner: &str) -> Self {
        let real = sandbox.urls(partner).api_url;
        let (host, path) = real.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let (host, path) = (host.to_owned(), format!("/{path}"));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let api_url = format!("http://{}{path}", listener.local_addr().unwrap());
        let rule: Arc<Mutex<Rule>> = Arc::new(Mutex::new(Arc::new(|_| None)));
        let shared = Arc::clone(&rule);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (rule, host, path) = (Arc::clone(&shared), host.clone(), path.clone());
                // The daemon may hang up in the middle of an answer.
                tokio::spawn(async move { drop(serve(stream, &rule, &host, &path).await) });
            }
        });
        Self { api_url, rule, accepting }
    }

    /// What it answers itself from now on.
    pub(crate) fn answers(
        &self,
        rule: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
    ) {
        *self.rule.lock().unwrap() = Arc::new(rule);
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    rule: &Mutex<Rule>,
    host: &str,
    base: &str,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    let head_length = loop {
        if let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&request[..head_length]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let whole = head_length + 4 + length.unwrap_or(0_usize);
    while request.len() < whole {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").replacen(base, "", 1);
    let body = String::from_utf8_lossy(&request[head_length + 4..]).into_owned();
    let rule = Arc::clone(&rule.lock().unwrap());
    if let Some(answer) = rule(&Request { line, head, body }) {
        return answer.send(&mut stream).await;
    }
    let mut real = TcpStream::connect(host).await?;
    real.write_all(&request[..head_length]).await?;
    real.write_all(b"\r\nconnection: close").await?;
    real.write_all(&request[head_length..]).await?;
    let mut answer = Vec::new();
    real.read_to_end(&mut answer).await?;
    stream.write_all(&answer).await?;
    stream.shutdown().await
}
