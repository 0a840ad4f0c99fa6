//! The machine and the resources that processes use, as reported by Linux.

use std::fs;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

/// Clock ticks per second in `/proc`; the same on every Linux.
const TICKS: f64 = 100.0;

/// The machine that the figures were measured on.
pub(crate) fn describe() -> Value {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().find_map(|line| kilobytes(line, "MemTotal:"));
    json!({
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "processor": model.map(|(_, model)| model),
        "memory_mb": memory.map(|kilobytes| kilobytes / 1024),
        "load_average": load(),
        "optimised": !cfg!(debug_assertions),
    })
}

/// The load average of the last minute.
pub(crate) fn load() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// The processor time a process has used.
pub(crate) fn cpu_time(process: u32) -> anyhow::Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))
        .with_context(|| format!("process {process} has ended"))?;
    // The name, in parentheses, may contain spaces; utime and stime are the 12th and 13th after it.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut ticks = rest.split_whitespace().skip(11).map(str::parse::<f64>);
    let (Some(Ok(user)), Some(Ok(system))) = (ticks.next(), ticks.next()) else {
        anyhow::bail!("/proc/{process}/stat has an unknown format");
    };
    Ok(Duration::from_secs_f64((user + system) / TICKS))
}

/// The memory use of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Now, in MB (10⁶ bytes).
    pub(crate) resident_mb: f64,
    /// The maximum so far.
    pub(crate) peak_mb: f64,
}

/// The memory of a process.
pub(crate) fn memory(process: u32) -> anyhow::Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{process}/status"))
        .with_context(|| format!("process {process} has ended"))?;
    let megabytes = |key: &str| {
        let kilobytes = text.lines().find_map(|line| kilobytes(line, key));
        kilobytes
            .map(|kilobytes| kilobytes as f64 * 1024.0 / 1e6)
            .with_context(|| format!("no {key}"))
    };
    Ok(Memory { resident_mb: megabytes("VmRSS:")?, peak_mb: megabytes("VmHWM:")? })
}

fn kilobytes(line: &str, key: &str) -> Option<u64> {
    line.strip_prefix(key)?.trim().strip_suffix(" kB")?.parse().ok()
}
