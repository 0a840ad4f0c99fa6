//! The daemon under a service manager: what it tells, and the socket that outlives it.

use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::harness::{Daemon, TIMEOUT, eventually, sandbox};

/// Where the daemon tells how it is.
struct Notices {
    socket: UnixDatagram,
    /// All that came.
    heard: Vec<String>,
    /// How many of them were asked for.
    known: usize,
}

impl Notices {
    fn at(path: &std::path::Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, heard: Vec::new(), known: 0 }
    }

    fn receive(&mut self) {
        let mut buffer = [0; 4_096];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let text = std::str::from_utf8(&buffer[..length]).unwrap();
            self.heard.extend(text.lines().map(str::to_owned));
        }
    }

    /// What came since the last that was asked for.
    fn since(&mut self) -> Vec<String> {
        self.receive();
        let new = self.heard[self.known..].to_vec();
        self.known = self.heard.len();
        new
    }

    async fn hear(&mut self, beginning: &str) -> String {
        let mut found = None;
        let came = eventually(async || {
            self.receive();
            let new = &self.heard[self.known..];
            found = new.iter().position(|line| line.starts_with(beginning));
            found.is_some()
        });
        assert!(came.await, "`{beginning}` did not come: {:?}", self.heard);
        self.known += found.unwrap() + 1;
        self.heard[self.known - 1].clone()
    }
}

fn record(app_id: &str) -> String {
    let record = json!({"app_id": app_id, "start": "2026-03-04T06:15:00+02:00",
        "measurement": {"type": "weight", "value": 71}});
    json!({"records": [record]}).to_string()
}

#[tokio::test]
async fn it_says_when_it_is_ready_how_it_is_and_that_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let mut notices = Notices::at(&path);
    let sandbox = sandbox();
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "4000000")];
    let mut daemon = Daemon::start_with(&sandbox, "", &environment).await;
    notices.hear("READY=1").await;
    daemon.app.connect(&sandbox, "ann", "withings").await;
    let connected = "STATUS=All is well; 1 connected; ";
    assert!(notices.hear(connected).await.ends_with(" syncs within the hour"));
    notices.hear("WATCHDOG=1").await;
    notices.hear("WATCHDOG=1").await;

    assert!(daemon.stop().await.success());
    let last = notices.since();
    let place = |line: &str| last.iter().position(|other| other.starts_with(line));
    assert!(place("STOPPING=1") < place("STATUS=Stopping"), "{last:?}");
    assert!(place("STOPPING=1").is_some() && place("EXTEND_TIMEOUT_USEC=15000000").is_some());
}

#[tokio::test]
async fn the_watchdog_is_fed_only_while_every_event_loop_turns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let mut notices = Notices::at(&path);
    let sandbox = sandbox();
    let environment = [
        ("NOTIFY_SOCKET", path.to_str().unwrap()),
        ("WATCHDOG_USEC", "4000000"),
        // One partner's event loop does not turn for this long.
        ("FAILPOINTS", "partner_actor::sync_now::runkeeper=sleep(12000)"),
    ];
    let daemon = Daemon::start_with(&sandbox, "", &environment).await;
    daemon.app.connect(&sandbox, "ann", "runkeeper").await;
    notices.hear("WATCHDOG=1").await;
    let sync = "/v1/users/ann/connections/runkeeper/sync";
    daemon.app.call(Method::POST, sync, None).await;
    let what = "what=\"the event loop of runkeeper\"";
    assert!(eventually(async || daemon.log().contains(what)).await, "{}", daemon.log());
    notices.since();
    // It says so once in a second, as often as it would feed.
    let seen = |log: &str| log.matches(what).count();
    let before = seen(&daemon.log());
    assert!(eventually(async || seen(&daemon.log()) >= before + 2).await);
    assert_eq!(notices.since().iter().filter(|line| *line == "WATCHDOG=1").count(), 0);
    // It turns again.
    notices.hear("WATCHDOG=1").await;
}

/// A host app that never pauses; counts what fails.
async fn call_without_end(
    address: String,
    key: String,
    client: Client,
    name: usize,
    ends: Arc<AtomicBool>,
    stored: Arc<AtomicUsize>,
) -> Vec<String> {
    let mut failed = Vec::new();
    for number in 0.. {
        if ends.load(Ordering::Relaxed) {
            break;
        }
        let url = format!("{address}/v1/users/user{name}/records");
        let (request, expected) = match number % 2 {
            0 => {
                let body = record(&format!("{number}"));
                let post = client.post(&url).header("content-type", "application/json").body(body);
                (post, 201)
            }
            _ => (client.get(&url), 200),
        };
        let answer = request.bearer_auth(&key).timeout(TIMEOUT).send().await;
        match answer {
            Ok(answer) if answer.status().as_u16() == expected => {
                stored.fetch_add(usize::from(expected == 201), Ordering::Relaxed);
            }
            Ok(answer) => failed.push(format!("{number}: {}", answer.status())),
            Err(error) => failed.push(format!("{number}: {error:?}")),
        }
    }
    failed
}

async fn count_records(daemon: &Daemon, user: usize) -> usize {
    let (mut count, mut cursor) = (0, String::new());
    loop {
        let page = format!("/v1/users/user{user}/records?limit=1000{cursor}");
        let page = daemon.app.get(&page).await;
        count += page["records"].as_array().unwrap().len();
        match &page["next_cursor"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => return count,
        }
    }
}

#[tokio::test]
async fn restarts_with_a_socket_of_the_service_manager_fail_no_request() {
    const RESTARTS: usize = 10;
    const CALLERS: usize = 8;
    let sandbox = sandbox();
    let mut daemon = Daemon::start(&sandbox, "").await;
    daemon.pass_the_socket_on().await;
    assert!(daemon.log().contains("socket was passed on"), "{}", daemon.log());
    let (ends, stored) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..CALLERS)
        .map(|name| {
            // Half of them use a connection again, half open one for each request.
            let idle = if name % 2 == 0 { 1 } else { 0 };
            let client = Client::builder().pool_max_idle_per_host(idle).build().unwrap();
            let (address, key) = (daemon.address.clone(), daemon.app.key.clone());
            let (ends, stored) = (Arc::clone(&ends), Arc::clone(&stored));
            tokio::spawn(call_without_end(address, key, client, name, ends, stored))
        })
        .collect();
    let mut slowest = Duration::ZERO;
    for _ in 0..RESTARTS {
        let before = stored.load(Ordering::Relaxed);
        assert!(eventually(async || stored.load(Ordering::Relaxed) > before + 50).await);
        let began = Instant::now();
        assert!(daemon.stop().await.success());
        daemon.launch().await;
        slowest = slowest.max(began.elapsed());
    }
    ends.store(true, Ordering::Relaxed);
    for caller in callers {
        assert_eq!(caller.await.unwrap(), Vec::<String>::new());
    }
    let mut found = 0;
    for user in 0..CALLERS {
        found += count_records(&daemon, user).await;
    }
    assert_eq!(found, stored.load(Ordering::Relaxed), "each is stored, and once");
    println!(
        "{RESTARTS} restarts, {found} records, no request failed; slowest restart {slowest:?}"
    );
}

#[tokio::test]
async fn sighup_takes_over_what_it_can_and_names_what_needs_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let mut notices = Notices::at(&path);
    let sandbox = sandbox();
    let mut daemon =
        Daemon::start_with(&sandbox, "", &[("NOTIFY_SOCKET", path.to_str().unwrap())]).await;
    notices.hear("READY=1").await;
    let back = r#"{"return_url": "https://app.example.com/back"}"#;
    let authorize = "/v1/users/ann/connections/withings/authorize";
    assert_eq!(daemon.app.call(Method::POST, authorize, Some(back)).await.0, 400);

    daemon.change_settings(
        "[server]\n",
        "[server]\nreturn_urls = [\"https://app.example.com/back\"]\n",
    );
    daemon.change_settings("[database]\n", "[database]\nreaders = 2\n");
    daemon.change_settings("filter = \"syncwell=debug,info\"", "filter = \"syncwell=trace,info\"");
    daemon.signal("HUP");
    notices.hear("RELOADING=1").await;
    notices.hear("READY=1").await;
    let says = async || {
        let log = daemon.log();
        log.contains("taken_over=\"log.filter, server.return_urls\"")
            && log.contains("only after a restart need_restart=\"database.readers\"")
    };
    assert!(eventually(says).await, "{}", daemon.log());
    assert_eq!(daemon.app.call(Method::POST, authorize, Some(back)).await.0, 201);
    let shown = daemon.admin.get("/admin/api/settings").await.to_string();
    assert!(shown.contains("https://app.example.com"), "{shown}");

    // What is broken is named, and nothing changes.
    daemon.change_settings("[database]\n", "[database]\nreadres = 2\n");
    daemon.signal("HUP");
    notices.hear("RELOADING=1").await;
    notices.hear("READY=1").await;
    // The log is read beside the notices.
    let says = async || {
        let log = daemon.log();
        log.contains("the settings are not reloaded") && log.contains("database.readres")
    };
    assert!(eventually(says).await, "{}", daemon.log());
    assert_eq!(daemon.app.call(Method::POST, authorize, Some(back)).await.0, 201);
}

#[test]
fn the_units_are_valid_and_as_closed_as_they_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for unit in ["syncwell.service", "syncwell.socket"] {
        // The program is not installed here: only that line cannot be checked.
        let text = std::fs::read_to_string(root.join("systemd").join(unit)).unwrap();
        let path = folder.path().join(unit);
        std::fs::write(&path, text.replace("/usr/bin/syncwell", "/bin/true")).unwrap();
        paths.push(path);
    }
    let analyze = |arguments: &[&str], paths: &[std::path::PathBuf]| {
        let mut command = std::process::Command::new("systemd-analyze");
        let ended = command.args(arguments).args(paths).output().unwrap();
        let said = [ended.stdout, ended.stderr].concat();
        (ended.status.success(), String::from_utf8(said).unwrap())
    };
    let (is_valid, said) = analyze(&["verify", "--man=no"], &paths);
    assert!(is_valid && said.is_empty(), "{said}");
    // 1.2 is the most: what it may do is what it needs.
    let (is_closed, said) =
        analyze(&["security", "--offline=yes", "--threshold=12", "--no-pager"], &paths[..1]);
    assert!(is_closed && said.contains("Overall exposure level"), "{said}");
}
