//! Kills: the real daemon is killed in the middle of everything, again and again, while users type in
//! weights at partners, the host app adds, replaces and deletes records, and newcomers connect; partners
//! answer with errors, half of an answer or nothing, and the process is stopped for a moment and goes on.
//! A disk fills at random, a PostgreSQL server crashes at random. In the end nothing acknowledged is lost,
//! nothing is there twice, and no connection is lost; where refresh tokens rotate more strictly than
//! any partner says, none but those whose new tokens the kill itself took.
//!
//! The seeds change every day and are printed. `KILLS=n` is the number in all four trials together;
//! `TRIAL=seed` draws the same actions and pauses again, as far as a real process lets it.
//!
//! `LANES=8 KILLS=10000` with `kills_at_partners_as_documented` alone makes all of them in that trial, in
//! eight lanes side by side. `SYNCWELL_TEST_PROGRAM` is another program to kill, e.g. an optimised one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../histories/chance.rs"]
mod chance;
#[path = "../support/database.rs"]
mod database;
#[expect(dead_code, unused_imports, reason = "shared with the front door, which needs more of it")]
#[path = "../front_door/harness.rs"]
mod harness;
#[expect(dead_code, reason = "shared with the front door, which needs more of it")]
#[path = "../front_door/host_app.rs"]
mod host_app;
#[path = "../front_door/items.rs"]
mod items;
#[path = "../front_door/ports.rs"]
mod ports;
#[path = "../support/server.rs"]
mod server;

mod actions;
mod agreement;
mod connections;
mod disk;
mod figures;
mod lost;
mod outages;
mod people;
mod trial;

use syncwell::clock::{Clock, SystemClock};

use crate::disk::Disk;
use crate::figures::Figures;
use crate::outages::ServerOutage;
use crate::server::Server;
use crate::trial::{Rotation, Trial};

/// How many kills each trial has unless `KILLS` says otherwise; `tests/run --long` asks for 1,000 in all.
const KILLS: u64 = 15;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// How many kills a trial has, with this share of all, in percent.
fn kills(percent: u64) -> u64 {
    number("KILLS").map_or(KILLS, |all| all * percent / 100)
}

/// How many daemons the trial that can have several kills side by side.
fn lanes() -> Option<u64> {
    number("LANES").filter(|lanes| *lanes > 0)
}

fn seed() -> u64 {
    let day = SystemClock::new().now().timestamp().unsigned_abs() / 86_400;
    number("TRIAL").unwrap_or(day)
}

fn run<T>(trial: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(trial)
}

fn on_sqlite(title: &'static str, seed: u64, kills: u64, rotation: Rotation) -> Figures {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("trial.db").display());
    run(async { Trial::new(title, &url, seed, rotation).await.run(kills, None).await })
}

#[test]
fn kills_lose_and_double_nothing() {
    on_sqlite("SQLite, strict rotation", seed(), kills(25), Rotation::Strict);
}

#[test]
fn kills_at_partners_as_documented_lose_no_connection() {
    let all = if lanes().is_some() { kills(100) } else { kills(25) };
    let lanes = lanes().unwrap_or(1);
    let trials: Vec<_> = (0..lanes)
        .map(|lane| {
            let kills = all / lanes + u64::from(lane < all % lanes);
            let trial = move || on_sqlite("SQLite", seed() + lane, kills, Rotation::Documented);
            std::thread::spawn(trial)
        })
        .collect();
    // All of them end, so that one that fails leaves no daemon of another.
    let ended: Vec<_> = trials.into_iter().map(|trial| trial.join()).collect();
    let mut figures = Figures::default();
    for trial in ended {
        figures.add(trial.unwrap());
    }
    println!("{lanes} lanes together:\n{figures}");
    assert_eq!(figures.kills, all);
}

#[test]
fn kills_on_a_disk_that_fills_lose_and_double_nothing() {
    disk::in_own_mounts("kills_on_a_disk_that_fills_lose_and_double_nothing", || {
        let disk = Disk::mount();
        let url = format!("sqlite:{}", disk.path().join("trial.db").display());
        run(async {
            let trial = Trial::new("a disk that fills", &url, seed(), Rotation::Strict).await;
            trial.run(kills(25), Some(Box::new(disk))).await;
        });
    });
}

#[test]
fn kills_with_a_server_that_crashes_lose_and_double_nothing() {
    if database::server().is_none() {
        println!(
            "SKIPPED: SYNCWELL_TEST_POSTGRES is not set, which shows that PostgreSQL is there"
        );
        return;
    }
    let server = Server::start(false);
    server.run("CREATE USER trial PASSWORD 'hush'");
    server.run("CREATE DATABASE trial OWNER trial");
    let url = format!("postgres://trial:hush@127.0.0.1:{}/trial", server.port);
    run(async {
        let trial = Trial::new("a server that crashes", &url, seed(), Rotation::Strict).await;
        trial.run(kills(25), Some(Box::new(ServerOutage(server)))).await;
    });
}
