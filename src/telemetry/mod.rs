//! Logs. Messages are lower case and can be read alone; fields can be queried (`partner.name`,
//! `connection.id`). Never logged: tokens, codes, bodies, values of records, user names.

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
/// If the filter in the settings is invalid.
pub fn start(settings: &Log) -> Result<(), String> {
    let filter = EnvFilter::try_new(&settings.filter)
        .map_err(|error| format!("log.filter = \"{}\": {error}", settings.filter))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the settings of the first.
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

/// The location of this thread's last panic.
pub fn last_panic() -> String {
    LAST_PANIC.with(|last| last.try_borrow().map(|last| last.clone()).unwrap_or_default())
}

/// A panic's location, and its message if that is a literal in the source: a formatted message may
/// hold values.
fn describe(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    match panic.payload().downcast_ref::<&'static str>() {
        Some(text) => format!("panicked at {place}: {text}"),
        None => format!("panicked at {place}"),
    }
}
