//! Logs. Messages are lower case and readable alone; fields are queryable (`partner.name`,
//! `connection.id`). Never logged: tokens, codes, bodies, values of records, names of users.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;

use crate::settings::{Log, LogFormat};

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Starts logging to standard error, and logs panics.
///
/// # Errors
/// When the filter in the settings cannot be read.
pub fn start(settings: &Log) -> Result<(), String> {
    let filter = EnvFilter::try_new(&settings.filter)
        .map_err(|error| format!("log.filter = \"{}\": {error}", settings.filter))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first one's settings.
    drop(match settings.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    });
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

/// Where the last panic of this thread was.
pub fn last_panic() -> String {
    LAST_PANIC.with(|last| last.try_borrow().map(|last| last.clone()).unwrap_or_default())
}

/// A panic's place, and its text if that was written in the source: one made at run time may hold
/// values.
fn describe(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    match panic.payload().downcast_ref::<&'static str>() {
        Some(text) => format!("panicked at {place}: {text}"),
        None => format!("panicked at {place}"),
    }
}
