//! Logs. Messages are lower case and readable alone; fields are queryable (`partner.name`,
//! `connection.id`). Never logged: tokens, codes, bodies, values of records, names of users.

use std::any::Any;

use tracing_subscriber::EnvFilter;

use crate::settings::{Log, LogFormat};

/// Starts logging to standard error, and logs panics.
///
/// # Errors
/// When the filter in the settings cannot be read.
pub fn start(settings: &Log) -> Result<(), String> {
    let filter = EnvFilter::try_new(&settings.filter)
        .map_err(|error| format!("log.filter = \"{}\": {error}", settings.filter))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first one's settings.
    drop(match settings.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    });
    std::panic::set_hook(Box::new(|panic| {
        let text = panic_text(panic.payload());
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        crate::actors::remember_panic(text);
        tracing::error!(place, panic = text, "panic");
    }));
    Ok(())
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a text")
}
