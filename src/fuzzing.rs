//! What reads outside input, for the fuzz targets in `fuzz/` and their short run in `tests/fuzz.rs`. Each takes any
//! bytes, and must neither panic nor hang.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use chrono::DateTime;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use partner_sdk::secrecy::SecretString;
use partner_sdk::testkit::{Canned, Probe};
use partner_sdk::{Callback, Partner};

use crate::partners::catalog;
use crate::settings::Settings;
use crate::web;

/// A target: its name, and what reads the bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 4] = [
    ("answers", answers),
    ("bodies", bodies),
    ("notifications", notifications),
    ("settings", settings),
];

/// The statuses that partners answer with.
const STATUSES: [u16; 8] = [200, 201, 204, 400, 401, 403, 429, 500];

struct Partners {
    runtime: tokio::runtime::Runtime,
    probes: HashMap<usize, Probe>,
}

thread_local! {
    static PARTNERS: RefCell<Option<Partners>> = const { RefCell::new(None) };
}

/// The partner that the first byte chooses, with its number.
fn partner(choice: u8) -> Option<(usize, Arc<dyn Partner>)> {
    let mut catalog = catalog();
    let number = usize::from(choice).checked_rem(catalog.len())?;
    Some((number, catalog.swap_remove(number)))
}

/// A partner's answers to a poll. The first three bytes choose the partner, the feed and the status.
pub fn answers(data: &[u8]) {
    let [choice, feed, status, body @ ..] = data else { return };
    let Some((number, partner)) = partner(*choice) else { return };
    let feeds = partner.manifest().feeds;
    let feed = usize::from(*feed).checked_rem(feeds.len()).and_then(|number| feeds.get(number));
    let status = STATUSES.get(usize::from(*status) % STATUSES.len());
    let (Some(feed), Some(status)) = (feed, status) else { return };
    PARTNERS.with_borrow_mut(|partners| {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
        if partners.is_none() {
            let Ok(runtime) = runtime() else { return };
            *partners = Some(Partners { runtime, probes: HashMap::new() });
        }
        let Some(Partners { runtime, probes }) = partners else { return };
        runtime.block_on(async {
            let probe = match probes.entry(number) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    let Ok(probe) = Probe::start(Arc::clone(&partner)).await else { return };
                    place.insert(probe)
                }
            };
            // More calls than one page needs.
            let answers = vec![Canned::json(*status, body); 4];
            if let Err(why) = probe.poll(feed, answers).await {
                fail(&format!("{}: {}: {why}", partner.manifest().name, feed.name));
            }
        });
    });
}

/// What a host app sends, as each call reads it.
pub fn bodies(data: &[u8]) {
    web::read_anything(data);
}

/// A call to a partner's notification address: the partner, the method, lines of headers, an empty line, the body.
pub fn notifications(data: &[u8]) {
    let [choice, method, rest @ ..] = data else { return };
    let Some((_, partner)) = partner(*choice) else { return };
    let Some(notifier) = partner.notifier() else { return };
    let empty_line = rest.windows(2).position(|two| two == b"\n\n");
    let (head, body) = match empty_line.and_then(|at| rest.split_at_checked(at)) {
        Some((head, body)) => (head, body.get(2..).unwrap_or_default()),
        None => (&b""[..], rest),
    };
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n') {
        let Some(at) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at(at);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    }
    let query: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
    let secret = SecretString::from("secret");
    notifier.read(&Callback {
        method: if method % 2 == 0 { &Method::POST } else { &Method::GET },
        query: &query,
        headers: &headers,
        body,
        client_secret: &secret,
        secret: &secret,
        issued_secret: Some(&secret),
        now: DateTime::UNIX_EPOCH,
    });
}

/// A file of settings.
pub fn settings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let loaded = Settings::read_text(text);
    for mistake in loaded.mistakes {
        drop(mistake.to_string());
    }
}

#[expect(clippy::panic, reason = "a finding: what a fuzzer takes for a crash")]
fn fail(why: &str) {
    panic!("{why}");
}
