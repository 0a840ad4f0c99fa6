//! A short run of the fuzz targets: examples of everything that comes from outside, changed at random.
//!
//! `FUZZ_SEED=n` makes other changes, and `tests/run --long` others every day; a finding names its seed. With
//! `SYNCWELL_FUZZ_CORPUS` the examples are written there, for a fuzzer to begin with.

#![cfg(feature = "fuzzing")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use syncwell::fuzzing;
use syncwell::partners::catalog;

/// How long one input may take.
const LONGEST: Duration = Duration::from_secs(15);

/// What a parser is likely to trip over.
const ODD: [&str; 24] = [
    "null",
    "true",
    "-1",
    "0",
    "1e400",
    "-0.0",
    "9223372036854775807",
    "18446744073709551616",
    "NaN",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"9999-12-31T23:59:60Z\"",
    "\"0000-00-00\"",
    "\"+00:00\"",
    "[]",
    "{}",
    "[[]]",
    "\u{feff}",
    "\u{202e}",
    "e\u{301}",
    "\\",
    "\n\n",
    ": ",
];

/// The files with examples in a partner's folder.
fn fixtures(partner: &str) -> Vec<Vec<u8>> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("partners").join(partner).join("fixtures");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let is_answer = |path: &std::path::PathBuf| !path.to_string_lossy().contains(".expected.");
    files.iter().filter(|path| is_answer(path)).map(|path| std::fs::read(path).unwrap()).collect()
}

/// Examples for a target.
fn examples(target: &str) -> Vec<Vec<u8>> {
    let with = |head: &[u8], body: &[u8]| [head, body].concat();
    let mut all = Vec::new();
    for (number, partner) in catalog().iter().enumerate() {
        let number = u8::try_from(number).unwrap();
        for body in fixtures(partner.manifest().name) {
            match target {
                "answers" => {
                    for feed in 0..u8::try_from(partner.manifest().feeds.len()).unwrap() {
                        all.push(with(&[number, feed, 0], &body));
                    }
                }
                "notifications" => all.push(with(&[number, 0], &with(b"x-a: b\n\n", &body))),
                _ => {}
            }
        }
    }
    let text = |text: &str| text.as_bytes().to_vec();
    match target {
        "bodies" => {
            let file = include_str!("../docs/host-app.md");
            all.extend(file.split('\'').filter(|part| part.starts_with('{')).map(text));
            all.push(text(r#"{"records":[{"app_id":"a","start":"2026-03-04T06:15:00+02:00","measurement":{"type":"weight","value":71.3}}]}"#));
            all.push(text(r#"{"records":[{"app_id":"b","start":"2026-03-04T06:15:00Z","end":"2026-03-04T07:15:00Z","exercise":{"type":"running","duration_s":3600,"energy_kcal":700}}]}"#));
            all.push(text(r#"{"url":"https://app.example.com/hook","events":["record.*"],"user_prefix":"u-"}"#));
            all.push(text(r#"{"return_url":"https://app.example.com/","time_zone":"Europe/Stockholm","push":{"weight":true}}"#));
            all.push(text("2026-11-22T07:15:00+01:00"));
            all.push(text("22.11.2026"));
        }
        "settings" => {
            all.push(text(include_str!("../config/default.toml")));
            all.push(text("installed_partners = [\"withings\"]\n[partners.withings]\nlimits = [{calls = 120, per = \"1m\"}]\n"));
        }
        _ => {}
    }
    all
}

/// Changes an example in one to four places.
fn changed(example: &[u8], others: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
    let mut data = example.to_vec();
    for _ in 0..random.random_range(1..=4) {
        let at = random.random_range(0..=data.len());
        let end = random.random_range(at..=data.len().min(at + 40));
        match random.random_range(0..7) {
            0 => drop(data.splice(at..end, [])),
            1 => drop(data.splice(at..at, ODD[random.random_range(0..ODD.len())].bytes())),
            2 => drop(data.splice(at..end, ODD[random.random_range(0..ODD.len())].bytes())),
            3 => {
                if let Some(byte) = data.get_mut(at) {
                    *byte ^= 1 << random.random_range(0..8);
                }
            }
            4 => data.truncate(at),
            5 => {
                let again = data[at..end].to_vec();
                let times = random.random_range(1..200);
                drop(data.splice(at..at, again.repeat(times)));
            }
            _ => {
                let other = &others[random.random_range(0..others.len())];
                let from = random.random_range(0..=other.len());
                drop(data.splice(at..end, other[from..].iter().copied()));
            }
        }
    }
    data
}

fn run(target: &str, inputs: usize) {
    let seed = std::env::var("FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut random = StdRng::seed_from_u64(seed);
    let (_, read) = fuzzing::TARGETS.into_iter().find(|(name, _)| *name == target).unwrap();
    let examples = examples(target);
    assert!(examples.len() > 1, "{target} has examples");
    if let Some(folder) = std::env::var_os("SYNCWELL_FUZZ_CORPUS") {
        let folder = Path::new(&folder).join(target);
        std::fs::create_dir_all(&folder).unwrap();
        for (number, example) in examples.iter().enumerate() {
            std::fs::write(folder.join(number.to_string()), example).unwrap();
        }
    }
    let unchanged = examples.iter().cloned();
    let mut changed: Vec<Vec<u8>> = (examples.len()..inputs)
        .map(|number| changed(&examples[number % examples.len()], &examples, &mut random))
        .collect();
    changed.extend(unchanged);
    for input in changed {
        let began = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| read(&input)));
        let shown = || String::from_utf8_lossy(&input).into_owned();
        assert!(ended.is_ok(), "seed {seed}: {target} panicked on {input:?}: {}", shown());
        assert!(began.elapsed() < LONGEST, "seed {seed}: {target} was slow on {}", shown());
    }
}

#[test]
fn partners_read_any_answer() {
    run("answers", 3_000);
}

#[test]
fn any_body_of_a_host_app_is_read() {
    run("bodies", 4_000);
}

#[test]
fn any_call_to_a_notification_address_is_read() {
    run("notifications", 20_000);
}

#[test]
fn any_settings_file_is_read() {
    run("settings", 1_500);
}
