//! PostgreSQL servers that are down, misconfigured, untrusted, or restarted meanwhile. Runs only if
//! the environment names a server, which shows that PostgreSQL is installed.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::database;
use crate::harness::{Daemon, eventually, sandbox, values, weight};
use crate::server::Server;

const SETTINGS: &str = "installed_partners = [\"withings\"]\n\
    [partners.withings]\nclient_id = \"client-7\"\nclient_secret = \"hush-secret\"\n\
    [database]\nwait = \"10ms\"\n";

/// A command with this database URL.
fn command(folder: &TempDir, arguments: &[&str], url: &str) -> Command {
    let settings = folder.path().join("settings.toml");
    std::fs::write(&settings, SETTINGS).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_syncwell"));
    command.args(arguments).current_dir(folder.path()).args(["--config", "settings.toml"]);
    command.env("SYNCWELL__DATABASE__URL", url);
    // Others use the usual port at the same time.
    command.env("SYNCWELL__SERVER__LISTEN", "127.0.0.1:0");
    command
}

/// Runs a command with this database URL; returns whether it succeeded, and its output.
fn says(folder: &TempDir, arguments: &[&str], url: &str) -> (bool, String) {
    let output = command(folder, arguments, url).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

fn is_installed() -> bool {
    database::server().is_some()
}

#[test]
fn what_is_wrong_with_a_server_is_reported_with_its_address_and_the_fix() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let says = |arguments: &[&str], url: &str| says(&folder, arguments, url);
    let mut server = Server::start(false);
    for statement in [
        "CREATE USER ann PASSWORD 'hush'",
        "CREATE USER ben PASSWORD 'hush'",
        "CREATE DATABASE anns OWNER ann",
        "REVOKE CONNECT ON DATABASE anns FROM PUBLIC",
        "CREATE DATABASE bens",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    ] {
        server.run(statement);
    }
    let port = server.port;
    let place = format!("127.0.0.1:{port}");
    let socket = server.folder().display().to_string();
    let right = format!("postgres://ann:hush@{place}/anns");
    let (well, said) = says(&["check"], &right);
    assert!(well && said.contains(&format!("postgres://ann@{place}/anns has")), "{said}");
    assert!(!said.contains("hush"), "{said}");
    let createdb = format!("createdb -h 127.0.0.1 -p {port} -U postgres -O ann cats");
    let old = "/no/such/folder/.s.PGSQL.5432";
    let cases: [(String, &[&str]); 12] = [
        (
            format!("postgres://ann:hushed@{place}/anns"),
            &[&place, "user ann", "SYNCWELL__DATABASE__URL"],
        ),
        (format!("postgres://ann@{place}/anns"), &[&place, "asks for a password", "PASSWORD@"]),
        (format!("postgres://eve:hush@{place}/anns"), &[&place, "user eve"]),
        (format!("postgres://ann:hush@{place}/cats"), &[&place, "no database cats", &createdb]),
        (
            format!("postgres://ben:hush@{place}/anns"),
            &["ben", "GRANT CONNECT ON DATABASE anns TO ben"],
        ),
        (
            format!("postgres://ann:hush@no-such-host.invalid:{port}/anns"),
            &["no-such-host.invalid", "knows the host"],
        ),
        ("postgres://ann:hush@127.0.0.1:1/anns".into(), &["127.0.0.1:1", "nothing listens"]),
        ("postgres://ann:hush@/anns?host=/no/such/folder".into(), &[old, "no socket"]),
        (format!("{right}?sslmode=require"), &[&place, "offers no TLS", "ssl = on"]),
        (format!("{right}?sslmode=verify-full&sslrootcert=/no/such.pem"), &["/no/such.pem"]),
        (format!("{right}?sslmode=always"), &["sslmode", "verify-full"]),
        (format!("postgres://ben@/bens?host={socket}&port={port}"), &["bens"]),
    ];
    for (url, words) in &cases[..11] {
        let (well, said) = says(&["check"], url);
        let wrong: String = said.lines().filter(|line| line.starts_with("WRONG")).collect();
        assert!(!well, "{url}: {said}");
        for word in *words {
            assert!(wrong.contains(word), "{url}: `{word}` is not in: {said}");
        }
        assert!(!said.contains("hush"), "{said}");
    }
    // `check` needs no permission to create tables; `migrate` does.
    server.run("REVOKE CREATE ON DATABASE bens FROM PUBLIC");
    let in_bens = format!("postgres://postgres@/bens?host={socket}&port={port}");
    database::run(&in_bens, "REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let (well, said) = says(&["migrate"], &cases[11].0);
    assert!(!well && said.contains("GRANT USAGE, CREATE ON SCHEMA public TO ben"), "{said}");

    assert!(says(&["migrate"], &right).0);
    let (well, said) = says(&["check"], &right);
    assert!(well && said.contains(&format!("postgres://ann@{place}/anns is up to date")), "{said}");
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')";
    database::run(&format!("postgres://postgres@/anns?host={socket}&port={port}"), newer);
    for command in ["check", "migrate", "serve"] {
        let (well, said) = says(&[command], &right);
        assert!(!well && said.contains("29991231000000") && said.contains("anns"), "{said}");
        assert!(said.contains("newer version"), "{said}");
    }
    server.stop("fast");
    // Long enough that the first attempt is not the last on a busy machine.
    let mut migrate = command(&folder, &["migrate"], &right);
    let output = migrate.env("SYNCWELL__DATABASE__WAIT", "3s").output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let well = output.status.success();
    assert!(!well && said.contains("nothing listens") && said.contains("wait"), "{said}");
    assert!(!said.contains("hush"), "{said}");
}

#[test]
fn a_server_is_trusted_as_sslmode_says() {
    if !is_installed() {
        return;
    }
    let keys = tempfile::tempdir().unwrap();
    let says = |arguments: &[&str], url: &str| says(&keys, arguments, url);
    let server = Server::start(true);
    server.run("CREATE USER ann PASSWORD 'hush'");
    server.run("CREATE DATABASE anns OWNER ann");
    let folder = server.folder().display().to_string();
    let url = |host: &str, tls: &str| {
        format!("postgres://ann:hush@{host}:{}/anns?sslmode={tls}", server.port)
    };
    let authority = format!("&sslrootcert={folder}/authority.pem");
    let stranger = format!("&sslrootcert={folder}/stranger.pem");
    let good = [
        url("127.0.0.1", "disable"),
        url("127.0.0.1", "prefer"),
        url("127.0.0.1", "require"),
        url("127.0.0.1", &format!("require{authority}")),
        url("127.0.0.1", &format!("verify-ca{authority}")),
        url("localhost", &format!("verify-full{authority}")),
    ];
    for good in good {
        let (well, said) = says(&["check"], &good);
        assert!(well, "{good}: {said}");
    }
    let place = format!("localhost:{}", server.port);
    let bad = [
        (url("localhost", &format!("verify-full{stranger}")), [place.as_str(), "sslrootcert=FILE"]),
        (url("localhost", &format!("verify-ca{stranger}")), [&place, "is not trusted"]),
        (url("localhost", &format!("require{stranger}")), [&place, "is not trusted"]),
        (url("localhost", "verify-full"), [&place, "is not trusted"]),
        (
            url("127.0.0.1", &format!("verify-full{authority}")),
            ["127.0.0.1", "is not for that name"],
        ),
    ];
    for (bad, words) in bad {
        let (well, said) = says(&["check"], &bad);
        assert!(!well, "{bad}: {said}");
        for word in words {
            assert!(said.contains(word), "{bad}: `{word}` is not in: {said}");
        }
        assert!(!said.contains("hush@"), "{said}");
    }
    // A server that requires TLS is reached by every mode that offers it.
    let hba = "hostssl all all 127.0.0.1/32 scram-sha-256\nlocal all all trust\n";
    std::fs::write(server.folder().join("data/pg_hba.conf"), hba).unwrap();
    server.run("SELECT pg_reload_conf()");
    for (mode, is_let_in) in [("disable", false), ("prefer", true), ("require", true)] {
        let (well, said) = says(&["check"], &url("127.0.0.1", mode));
        assert_eq!(well, is_let_in, "{mode}: {said}");
    }
}

#[test]
fn a_check_waits_for_its_server_like_a_start() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(false);
    server.run("CREATE DATABASE anns");
    let socket = server.folder().display().to_string();
    let url = format!("postgres://postgres@/anns?host={socket}&port={}", server.port);
    server.stop("fast");
    let mut check = command(&folder, &["check"], &url)
        .env("SYNCWELL__DATABASE__WAIT", "1m")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(check.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("no socket") && line.contains("waiting for it"), "{line}");
    server.begin();
    let output = check.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
async fn a_daemon_waits_for_its_server_and_survives_its_restarts() {
    if !is_installed() {
        return;
    }
    let mut server = Server::start(false);
    server.run("CREATE USER ann PASSWORD 'hush'");
    server.run("CREATE DATABASE anns OWNER ann");
    let url = format!("postgres://ann:hush@127.0.0.1:{}/anns", server.port);
    let sandbox = sandbox();
    let control = sandbox.control();
    let extra = "[scheduler]\nmin_gap = \"10ms\"\ngroups = [\"300ms\"]\n";
    let environment = [("SYNCWELL__DATABASE__URL", url.as_str())];
    let mut daemon = Daemon::start_with(&sandbox, extra, &environment).await;
    for partner in ["withings", "runkeeper"] {
        daemon.app.connect(&sandbox, "ann", partner).await;
    }
    let path = "/v1/users/ann/connections/runkeeper";
    let on = json!({"push": {"weight": true}}).to_string();
    assert_eq!(daemon.app.call(Method::PATCH, path, Some(&on)).await.0, 200);

    // A daemon started before its server waits.
    assert!(daemon.stop().await.success());
    server.stop("fast");
    daemon.spawn();
    let waits = eventually(async || daemon.log().contains("waiting for the database")).await;
    assert!(waits && daemon.log().contains("nothing listens"), "{}", daemon.log());
    server.begin();
    assert!(eventually(async || is_ready(&daemon).await).await, "{}", daemon.log());
    assert_eq!(daemon.log().matches("waiting for the database").count(), 1);

    let mut acknowledged = Vec::new();
    let mut measured = 0;
    for mode in ["fast", "immediate"] {
        for _ in 0..8 {
            measured += 1;
            let group = weight(&control, 60_000 + 100 * measured, 6_000 - 10 * measured);
            control.append("withings", "ann", "measure", vec![group]).unwrap();
            acknowledged.extend(add(&daemon).await);
        }
        let restarting = async {
            server.stop(mode);
            let is_reported = eventually(async || not_ready_for(&daemon).await).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            server.begin();
            is_reported
        };
        // Some requests arrive while it stops, some while it is down; these wait for it.
        let asking = |step: u64| {
            let daemon = &daemon;
            async move {
                tokio::time::sleep(Duration::from_millis(250 * step)).await;
                add(daemon).await
            }
        };
        let asked = futures_util::future::join_all((0..8).map(asking));
        let (is_reported, answers) = tokio::join!(restarting, asked);
        assert!(is_reported, "{}", daemon.log());
        let stored: Vec<i64> = answers.into_iter().flatten().collect();
        assert!(!stored.is_empty(), "none waited: {}", daemon.log());
        acknowledged.extend(stored);
        assert!(eventually(async || is_ready(&daemon).await).await, "{}", daemon.log());
    }
    let log = daemon.log();
    assert_eq!(log.matches("the database cannot be reached").count(), 2, "{log}");
    assert_eq!(log.matches("the database is back").count(), 2, "{log}");
    assert!(!log.contains("hush@"), "{log}");

    // It settles without intervention: everything exists once, here and at the partner.
    let agrees = async || {
        let here = grams(&values(&daemon.app.records("ann").await, "weight"));
        let all = acknowledged.iter().all(|grams| here.contains(grams));
        let all = all && (1..=measured).all(|number| here.contains(&(60_000 + 100 * number)));
        let mut once = here.clone();
        once.dedup();
        all && once == here && crate::two_way::grams(&control, "runkeeper") == here
    };
    // A sync whose result could not be stored is repeated after half a minute.
    let agreed = eventually(agrees).await || eventually(agrees).await;
    assert!(agreed, "{acknowledged:?} {}", daemon.log());
    let changes = daemon.app.changes().await;
    let created = changes.iter().filter(|change| change["change"] == "created").count();
    assert_eq!(created, daemon.app.records("ann").await.len());
}

async fn is_ready(daemon: &Daemon) -> bool {
    let ready = daemon.app.client.get(format!("{}/readyz", daemon.address)).send().await;
    ready.is_ok_and(|answer| answer.status() == 200)
}

/// Whether the daemon reports that it waits for its database.
async fn not_ready_for(daemon: &Daemon) -> bool {
    let ready = daemon.app.client.get(format!("{}/readyz", daemon.address)).send().await.unwrap();
    let (status, body) = (ready.status(), ready.text().await.unwrap());
    status == 503 && body.contains("database, which cannot be reached")
}

/// Adds a unique weight; returns it in grams if the daemon confirms that it is stored.
async fn add(daemon: &Daemon) -> Option<i64> {
    static MADE: AtomicI64 = AtomicI64::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let grams = 80_000 + 100 * number;
    let at = chrono::DateTime::from_timestamp(1_700_000_000 + 600 * number, 0).unwrap();
    let record: Value = json!({
        "app_id": format!("w-{grams}"), "start": at.to_rfc3339(),
        "measurement": {"type": "weight", "value": grams as f64 / 1_000.0},
    });
    let body = json!({"records": [record]});
    let answer = daemon.app.try_call(Method::POST, "/v1/users/ann/records", &body).await;
    (answer? == 201).then_some(grams)
}

fn grams(kilograms: &[f64]) -> Vec<i64> {
    kilograms.iter().map(|kilograms| (kilograms * 1_000.0).round() as i64).collect()
}
