//! The JSON of a log line: one flat object.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{self, Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The target of what comes from the `log` crate.
const FROM_LOG: &str = "log";

/// The JSON formatter, flat with the fields of the spans it is in, and without paths of the machine
/// the binary was built on, which lines of the `log` crate have as a field.
pub(super) struct Json<T>(pub(super) Format<format::Json, T>);

impl<S, N, T> FormatEvent<S, N> for Json<T>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
    Format<format::Json, T>: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let is_from_log = event.metadata().target() == FROM_LOG;
        if !is_from_log && context.lookup_current().is_none() {
            return self.0.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let mut fields: Map<String, Value> = serde_json::from_str(&line).map_err(|_| fmt::Error)?;
        fields.retain(|name, _| !name.starts_with("log."));
        if let Some(Value::Array(spans)) = fields.remove("spans") {
            let mut all = Map::new();
            for span in spans {
                let Value::Object(span) = span else { continue };
                all.extend(span.into_iter().filter(|(name, _)| name != "name"));
            }
            // What the line says itself wins.
            all.append(&mut fields);
            fields = all;
        }
        writeln!(writer, "{}", Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

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
    fn a_line_has_the_fields_of_its_span_and_no_path_of_the_machine_that_built_it() {
        let written = Written::default();
        let writer = written.clone();
        let layer = tracing_subscriber::fmt::layer().json().flatten_event(true);
        let layer = layer.with_current_span(false).with_span_list(true).map_event_format(Json);
        let layer = layer.with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!(number = 1, "plain");
            tracing::info_span!("request", request.id = "r-1").in_scope(|| {
                tracing::info!(target: "log", { log.file = "/home/ann/x.rs" }, "within");
                let inner = tracing::info_span!("page", request.page = 2);
                inner.in_scope(|| tracing::info!("deep within"));
            });
        });
        let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["message"], &lines[0]["number"]), (&"plain".into(), &1.into()));
        assert_eq!(lines[1]["request.id"], "r-1");
        assert_eq!(lines[1]["message"], "within");
        assert_eq!(
            (&lines[2]["request.id"], &lines[2]["request.page"]),
            (&"r-1".into(), &2.into())
        );
        assert!(!log.contains("/home/"), "{log}");
        let nested = lines.iter().flat_map(|line| line.as_object().unwrap().values());
        assert!(nested.clone().all(|value| !value.is_object()), "{log}");
    }
}
