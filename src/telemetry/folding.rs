//! Keeps floods of warnings and errors out of the log: a layer in front of the one that writes.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::floods::{Floods, Verdict};

/// The field of the lines that report what was folded; they are not folded themselves.
const FOLDED: &str = "folded";

/// How much of a message is repeated.
const LONGEST_MESSAGE: usize = 200;

/// Folds floods of warnings and errors; other lines pass.
#[derive(Clone, Default)]
pub(super) struct Folding {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    floods: Mutex<Floods<Kind, Line>>,
    /// A window has folded its first line.
    begun: Notify,
}

/// Lines of one place in the code, about one partner.
#[derive(PartialEq, Eq, Hash)]
struct Kind {
    place: Identifier,
    /// The partner, and where a line of the `log` crate comes from: those share their places.
    about: String,
}

struct Line {
    level: Level,
    partner: Option<String>,
    message: String,
}

impl Folding {
    fn floods(&self) -> MutexGuard<'_, Floods<Kind, Line>> {
        self.shared.floods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports what was folded, at the end of each window.
    pub(super) async fn report(self) {
        loop {
            let next = self.floods().next_end();
            match next {
                None => self.shared.begun.notified().await,
                Some(at) => {
                    tokio::time::sleep_until(at.into()).await;
                    self.end(false);
                }
            }
        }
    }

    /// Reports what was folded in windows that are over, or in all.
    pub(super) fn end(&self, all: bool) {
        let ended = self.floods().end(Instant::now(), all);
        for (Line { level, partner, message }, folded) in ended {
            let partner = partner.as_deref();
            if level == Level::ERROR {
                tracing::error!(
                    partner.name = partner,
                    folded,
                    "… and {folded} more like it within a minute: {message}"
                );
            } else {
                tracing::warn!(
                    partner.name = partner,
                    folded,
                    "… and {folded} more like it within a minute: {message}"
                );
            }
        }
    }
}

impl<S: Subscriber> Layer<S> for Folding {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN || metadata.fields().field(FOLDED).is_some() {
            return true;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let kind = Kind { place: metadata.callsite(), about: fields.about };
        let line = || Line {
            level: *metadata.level(),
            partner: fields.partner,
            message: shortened(fields.message),
        };
        let verdict = self.floods().count(kind, Instant::now(), line);
        if verdict == Verdict::FoldFirst {
            self.shared.begun.notify_one();
        }
        verdict == Verdict::Log
    }
}

fn shortened(mut message: String) -> String {
    if let Some((at, _)) = message.char_indices().nth(LONGEST_MESSAGE) {
        message.truncate(at);
        message.push('…');
    }
    message
}

/// What of an event says of which kind it is.
#[derive(Default)]
struct Fields {
    message: String,
    partner: Option<String>,
    about: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "partner.name" => self.partner = Some(value.to_owned()),
            "log.target" | "log.file" => {}
            _ => return self.record_debug(field, &format_args!("{value}")),
        }
        self.about.push_str(value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "log.line" {
            // Writing to a String does not fail.
            write!(self.about, ":{value}").unwrap_or_default();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            write!(self.message, "{value:?}").unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_place_and_partner_is_folded_alone_and_only_from_warnings_on() {
        let (written, folding) = (Written::default(), Folding::default());
        let writer = written.clone();
        let layer =
            tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(folding.clone()).with(layer);
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..40 {
                tracing::info!(number, "all is well");
                tracing::warn!(partner.name = "withings", number, "it is slow");
                tracing::error!(partner.name = ["withings", "strava"][number % 2], "it is down");
            }
            folding.end(true);
        });
        let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let count = |text: &str| log.lines().filter(|line| line.contains(text)).count();
        assert_eq!(count("all is well"), 40, "{log}");
        assert_eq!((count("it is slow"), count("it is down")), (5 + 1, 2 * (5 + 1)), "{log}");
        assert_eq!(count("… and 35 more like it within a minute: it is slow"), 1, "{log}");
        assert_eq!(count("ERROR syncwell::telemetry::folding: … and 15 more"), 2, "{log}");
        assert_eq!(count("partner.name=\"strava\" folded=15"), 1, "{log}");
    }
}
