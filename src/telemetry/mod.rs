//! Logs. Messages are lower case and can be read alone; fields can be queried (`partner.name`,
//! `connection.id`). Never logged: tokens, codes, bodies, values of records, user names.

mod floods;
mod folding;
pub mod journald;
mod json;
pub mod metrics;
pub mod traces;

use std::cell::RefCell;
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use self::folding::Folding;
use self::json::Json;
use crate::settings::{Log, LogFormat, Traces};

/// What was started, once in a process.
static STARTED: OnceLock<Started> = OnceLock::new();

struct Started {
    filter: reload::Handle<EnvFilter, Registry>,
    folding: Folding,
    format: LogFormat,
    #[cfg(feature = "otel")]
    exporter: Option<traces::Exporter>,
}

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The part of the web server that logs, as an error, each request that is no HTTP: anybody could
/// fill the log.
const NOISE: &str = "actix_http";

/// Reads a filter from the settings.
///
/// # Errors
/// What is wrong with it.
pub fn filter(text: &str) -> Result<EnvFilter, String> {
    let quiet = if text.contains(NOISE) { text.into() } else { format!("{NOISE}=off,{text}") };
    // Checked as it was written: the error names its place.
    EnvFilter::try_new(text).and_then(|_| EnvFilter::try_new(quiet)).map_err(|it| it.to_string())
}

/// Starts logging, to standard error or journald, and traces; logs panics. Must be called in a runtime,
/// which reports what floods of one line had folded.
///
/// # Errors
/// If the filter in the settings is invalid, journald cannot be reached, or traces cannot be sent.
pub fn start(settings: &Log, traces: &Traces) -> Result<(), String> {
    let filter = filter(&settings.filter)
        .map_err(|error| format!("log.filter = \"{}\": {error}", settings.filter))?;
    // Errors of standard error cannot be reported there: whoever read it has gone.
    let layer = tracing_subscriber::fmt::layer()
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let layer = match settings.format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(true)
            .with_ansi(false)
            .map_event_format(Json)
            .boxed(),
        LogFormat::Journald => journald::layer()?.boxed(),
    };
    let folding = Folding::default();
    let (filter, handle) = reload::Layer::new(filter);
    let started = tracing_subscriber::registry().with(filter).with(folding.clone()).with(layer);
    #[cfg(feature = "otel")]
    let (spans, exporter) = traces::start(traces)?.unzip();
    #[cfg(feature = "otel")]
    let started = started.with(spans);
    #[cfg(not(feature = "otel"))]
    let _ = traces;
    // A second start in one process (tests) keeps the settings of the first.
    if started.try_init().is_ok() {
        tokio::spawn(folding.clone().report());
        let started = Started {
            filter: handle,
            folding,
            format: settings.format,
            #[cfg(feature = "otel")]
            exporter,
        };
        // It is the first.
        drop(STARTED.set(started));
    }
    std::panic::set_hook(Box::new(|panic| {
        let text = describe(panic);
        tracing::error!("{text}");
        LAST_PANIC.with(|last| {
            if let Ok(mut last) = last.try_borrow_mut() {
                *last = text;
            }
        });
    }));
    Ok(())
}

/// Logs by another filter from now on.
///
/// # Errors
/// What is wrong with it.
pub fn set_filter(text: &str) -> Result<(), String> {
    let filter = filter(text)?;
    let Some(started) = STARTED.get() else { return Ok(()) };
    started.filter.reload(filter).map_err(|error| error.to_string())
}

/// Reports what floods had folded up to now, and sends the last traces: the last thing before the end.
pub async fn end() {
    let Some(started) = STARTED.get() else { return };
    started.folding.end(true);
    #[cfg(feature = "otel")]
    if let Some(exporter) = &started.exporter {
        exporter.end().await;
    }
}

/// Whether logging was started, as JSON.
pub fn is_json() -> bool {
    STARTED.get().is_some_and(|started| started.format == LogFormat::Json)
}

/// The location of this thread's last panic.
pub fn last_panic() -> String {
    LAST_PANIC.with(|last| last.try_borrow().map(|last| last.clone()).unwrap_or_default())
}

/// A panic's location, and its message if that is a literal in the source: a formatted message may
/// hold values.
fn describe(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map(|place| {
        format!("{}:{}:{}", without_folders(place.file()), place.line(), place.column())
    });
    let place = place.unwrap_or_default();
    match panic.payload().downcast_ref::<&'static str>() {
        Some(text) => format!("panicked at {place}: {text}"),
        None => format!("panicked at {place}"),
    }
}

/// A source file without the folders of the machine it was built on.
fn without_folders(path: &str) -> &str {
    let begin = path.rfind("/src/").filter(|_| path.starts_with('/'));
    let before = begin.and_then(|begin| path.get(..begin));
    let package = before.and_then(|before| Some(before.rfind('/')? + 1));
    package.and_then(|package| path.get(package..)).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_sources_names_no_folder_of_the_machine_that_built_it() {
        for (path, shown) in [
            ("src/sync/run.rs", "src/sync/run.rs"),
            ("partners/strava/src/api.rs", "partners/strava/src/api.rs"),
            (
                "/home/ann/.cargo/registry/src/index-1f/tokio-1.4/src/time/mod.rs",
                "tokio-1.4/src/time/mod.rs",
            ),
            ("/rustc/5d3a/library/core/src/option.rs", "core/src/option.rs"),
            ("/x.rs", "/x.rs"),
        ] {
            assert_eq!(without_folders(path), shown);
        }
    }
}
