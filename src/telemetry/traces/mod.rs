//! Traces by OpenTelemetry: what follows from what, from a notification or a request over the sync to
//! the webhook. Spans are those of the log; `export.rs` sends them.
//!
//! A context crosses messages of actors as a value. Between a sync and the delivery of what it changed
//! lies the database, which keeps none: [`Remembered`] has them in memory, so a trace ends with the
//! process. Only contexts that are sampled are carried. Without the feature `otel` all of this is empty.

#[cfg(feature = "otel")]
mod export;
mod remembered;

use tracing::Span;

#[cfg(feature = "otel")]
pub(super) use self::export::{Exporter, start};
pub use self::remembered::Remembered;

#[cfg(feature = "otel")]
type Inner = opentelemetry::trace::SpanContext;
#[cfg(not(feature = "otel"))]
type Inner = std::convert::Infallible;

/// A place in a trace that is sampled, or none.
#[derive(Clone, Debug, Default)]
pub struct TraceContext(Option<Inner>);

impl TraceContext {
    /// That of the current span.
    pub fn current() -> Self {
        Self::of(&Span::current())
    }

    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

#[cfg(feature = "otel")]
impl TraceContext {
    /// That of a span.
    pub fn of(span: &Span) -> Self {
        use opentelemetry::trace::TraceContextExt as _;
        use tracing_opentelemetry::OpenTelemetrySpanExt as _;

        let context = span.context();
        let context = context.span().span_context().clone();
        Self(Some(context).filter(|it| it.is_valid() && it.is_sampled()))
    }

    /// Makes a span that has just been created follow from this one.
    pub fn lead_to(&self, span: &Span) {
        use opentelemetry::trace::TraceContextExt as _;
        use tracing_opentelemetry::OpenTelemetrySpanExt as _;

        if let Some(own) = &self.0 {
            let context = opentelemetry::Context::new().with_remote_span_context(own.clone());
            // It fails where spans are not exported.
            drop(span.set_parent(context));
        }
    }

    /// Says of a span that this one contributed to it.
    pub fn link_to(&self, span: &Span) {
        use tracing_opentelemetry::OpenTelemetrySpanExt as _;

        if let Some(own) = &self.0 {
            span.add_link(own.clone());
        }
    }

    /// The header `traceparent` of W3C Trace Context.
    pub fn traceparent(&self) -> Option<String> {
        let own = self.0.as_ref()?;
        let flags = own.trace_flags().to_u8();
        Some(format!("00-{}-{}-{flags:02x}", own.trace_id(), own.span_id()))
    }
}

#[cfg(not(feature = "otel"))]
impl TraceContext {
    /// That of a span.
    pub fn of(_: &Span) -> Self {
        Self::default()
    }

    /// Makes a span that has just been created follow from this one.
    pub fn lead_to(&self, _: &Span) {}

    /// Says of a span that this one contributed to it.
    pub fn link_to(&self, _: &Span) {}

    /// The header `traceparent` of W3C Trace Context.
    pub fn traceparent(&self) -> Option<String> {
        None
    }
}
