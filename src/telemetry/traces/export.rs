//! Sends spans to a collector by OTLP over HTTP.

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::settings::Traces;

/// How long one call to the collector may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What sends spans, until it is shut down.
#[derive(Debug)]
pub(in crate::telemetry) struct Exporter(SdkTracerProvider);

impl Exporter {
    /// Sends what has not been sent yet.
    pub(in crate::telemetry) async fn end(&self) {
        let provider = self.0.clone();
        // It waits for its thread, which waits for this runtime.
        let ended = tokio::task::spawn_blocking(move || provider.shutdown());
        drop(ended.await);
    }
}

/// A layer, and what sends its spans.
type Started<S> = (Box<dyn Layer<S> + Send + Sync>, Exporter);

/// The layer that turns our spans into those of OpenTelemetry, and what sends them. `None` if the
/// settings name no collector.
pub(in crate::telemetry) fn start<S>(settings: &Traces) -> Result<Option<Started<S>>, String>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    if settings.endpoint.is_empty() {
        return Ok(None);
    }
    let wrong = |error: &dyn std::fmt::Display| {
        format!("traces.endpoint = \"{}\": {error}", settings.endpoint)
    };
    let client = Client::new().map_err(|error| wrong(&error))?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(settings.address())
        .with_timeout(TIMEOUT)
        .build()
        .map_err(|error| wrong(&error))?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_service_name("syncwell").with_attribute(version);
    let sampler = Sampler::TraceIdRatioBased(settings.sample_ratio);
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(sampler)))
        .with_resource(resource.build())
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("syncwell"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        // Those of libraries say how, not what, and one of them sends this.
        .with_filter(filter_fn(|metadata| metadata.target().starts_with("syncwell")));
    Ok(Some((layer.boxed(), Exporter(provider))))
}

/// The client of the daemon's runtime. The exporter has a thread of its own, without one.
#[derive(Debug)]
struct Client {
    client: reqwest::Client,
    runtime: Handle,
}

impl Client {
    fn new() -> Result<Self, reqwest::Error> {
        let builder = || {
            // Fails only when a provider is already installed, which works as well.
            drop(rustls::crypto::ring::default_provider().install_default());
            reqwest::Client::builder()
                .user_agent(concat!("Syncwell/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .timeout(TIMEOUT)
        };
        // Without system certificates, calls to loopback still work.
        let client = builder().build().or_else(|_| builder().tls_certs_only([]).build())?;
        Ok(Self { client, runtime: Handle::current() })
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let answer = client.execute(request.try_into()?).await?;
            Ok::<_, reqwest::Error>((answer.status(), answer.bytes().await?))
        });
        match sent.await? {
            Ok((status, body)) => {
                if !status.is_success() {
                    let status = status.as_u16();
                    tracing::warn!(status, "the collector of traces did not take them");
                }
                Ok(Response::builder().status(status).body(body)?)
            }
            Err(error) => {
                let error = error.without_url();
                tracing::warn!(%error, "traces could not be sent; see traces.endpoint");
                Err(error.into())
            }
        }
    }
}
