//! The reference: only the HTTP requests of polls, from a separate process.
//!
//! The same client, method, URL, headers, body and concurrency as the daemon; each response is read
//! completely. No schedule, no store, no parsing of records.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use serde::{Deserialize, Serialize};

use super::machine;

/// The argument that turns a bench's program into the raw client.
pub(crate) const ARGUMENT: &str = "raw-client";

const TYPES: &str = "1%2C4%2C5%2C6%2C8%2C9%2C10%2C11%2C12%2C54%2C71%2C76%2C77%2C88";
const FIELDS: &str =
    "calories%2Cdistance%2Csteps%2Chr_average%2Cpause_duration%2Cmanual_calories%2Cmanual_distance";

/// How the requests are made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Load {
    /// The URL of Withings.
    pub(crate) url: String,
    /// Users polled at the same time.
    pub(crate) concurrency: u32,
    /// Number of users.
    pub(crate) people: u32,
    /// Whether exercises are requested too.
    pub(crate) exercises: bool,
    /// Whether it uses a thread and a client per core, or one thread like a partner in the daemon.
    pub(crate) all_cores: bool,
    /// The time before counting starts.
    pub(crate) warm_up: Duration,
    /// The time that is counted.
    pub(crate) window: Duration,
}

/// The result.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Came {
    /// Polls per second.
    pub(crate) polls: f64,
    /// The raw client's processor time per poll, in microseconds.
    pub(crate) cpu_us: f64,
}

/// Runs the raw client in its own process.
pub(crate) async fn measure(load: &Load) -> anyhow::Result<Came> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([ARGUMENT, &serde_json::to_string(load)?]);
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the raw client failed: {error}");
    serde_json::from_slice(&output.stdout).context("the raw client says nothing")
}

/// Runs as the raw client if this process was started as one; returns whether it was.
pub(crate) fn become_it() -> anyhow::Result<bool> {
    let mut arguments = std::env::args().skip(1);
    let (Some(ARGUMENT), Some(load)) = (arguments.next().as_deref(), arguments.next()) else {
        return Ok(false);
    };
    let load: Load = serde_json::from_str(&load)?;
    let came = on_threads(&load)?;
    println!("{}", serde_json::to_string(&came)?);
    Ok(true)
}

/// Runs the load on one thread, or divides it among one thread per core.
fn on_threads(load: &Load) -> anyhow::Result<Came> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if load.all_cores { u32::try_from(cores)?.min(load.concurrency) } else { 1 };
    let started = (0..threads).map(|thread| {
        let load = load.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(run(load, (thread, threads)))
        })
    });
    let mut polls = 0.0;
    let (cpu, began) = (machine::cpu_time(std::process::id())?, Instant::now());
    for thread in started.collect::<Vec<_>>() {
        let ended: anyhow::Result<f64> =
            thread.join().map_err(|_| anyhow!("a thread of the raw client panicked"))?;
        polls += ended?;
    }
    let cpu = machine::cpu_time(std::process::id())? - cpu;
    // Including the warm-up: the cost of a poll does not change after it.
    let all = polls * began.elapsed().as_secs_f64();
    ensure!(all > 0.0, "there were no responses");
    Ok(Came { polls, cpu_us: cpu.as_secs_f64() * 1e6 / all })
}

struct Shared {
    client: reqwest::Client,
    load: Load,
    polls: AtomicU64,
    over: AtomicBool,
}

/// Runs one thread's share; returns its polls per second.
async fn run(load: Load, (thread, threads): (u32, u32)) -> anyhow::Result<f64> {
    let client = partner_sdk::http_client()?;
    let (polls, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let shared = Arc::new(Shared { client, load, polls, over });
    let mine = (1..=shared.load.concurrency).filter(|number| number % threads == thread);
    let tasks: Vec<_> = mine.map(|first| tokio::spawn(work(Arc::clone(&shared), first))).collect();
    tokio::time::sleep(shared.load.warm_up).await;
    let (before, began) = (shared.polls.load(Ordering::Relaxed), Instant::now());
    tokio::time::sleep(shared.load.window).await;
    let counted = (shared.polls.load(Ordering::Relaxed) - before) as f64;
    let seconds = began.elapsed().as_secs_f64();
    shared.over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    Ok(counted / seconds)
}

async fn work(shared: Arc<Shared>, first: u32) -> anyhow::Result<()> {
    let load = &shared.load;
    let mut person = first;
    while !shared.over.load(Ordering::Relaxed) {
        let since = 1_790_000_000 + u64::from(person);
        let measures = format!("action=getmeas&category=1&meastypes={TYPES}&lastupdate={since}");
        request(&shared, "/measure", person, measures).await?;
        if load.exercises {
            let workouts = format!("action=getworkouts&data_fields={FIELDS}&lastupdate={since}");
            request(&shared, "/v2/measure", person, workouts).await?;
        }
        shared.polls.fetch_add(1, Ordering::Relaxed);
        person = 1 + (person + load.concurrency - 1) % load.people;
    }
    Ok(())
}

async fn request(shared: &Shared, path: &str, person: u32, form: String) -> anyhow::Result<()> {
    let request = shared
        .client
        .post(format!("{}{path}", shared.load.url))
        .header("accept", "application/json")
        .header("content-type", "application/x-www-form-urlencoded")
        .bearer_auth(format!("load-{person}"))
        .body(form);
    let receive = async {
        let mut response = request.send().await?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        Ok::<_, reqwest::Error>(body)
    };
    let body = tokio::time::timeout(Duration::from_secs(30), receive).await??;
    ensure!(body.starts_with(br#"{"status":0,"#), "the sandbox refused a call");
    Ok(())
}
