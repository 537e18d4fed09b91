//! What the process tells of itself: log lines, metrics and traces.

use std::{future::poll_fn, io::IsTerminal, sync::OnceLock, time::Duration};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanData},
};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{HttpUrl, LogFormat, Settings};

/// Histogram: seconds from the commit of a change to its confirmed revocation.
pub const DEPROVISIONING_CONFIRMED: &str = "muster_deprovisioning_confirmed_seconds";

/// Histogram: seconds from the commit of a change to the first attempt to tell a
/// receiver of the revocation.
pub const DEPROVISIONING_FIRST_ATTEMPT: &str = "muster_deprovisioning_first_attempt_seconds";

/// Histogram: seconds that a request took.
pub const HTTP_REQUEST: &str = "muster_http_request_seconds";

const REVOCATION_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];
const REQUEST_BUCKETS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// A collector that does not answer may not hold up the spans behind.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Why logs, metrics or traces could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The metrics recorder is already installed, or its buckets are wrong.
    #[error("metrics cannot be set up: {0}")]
    Metrics(#[from] BuildError),
    /// The trace exporter does not take the endpoint.
    #[error("traces cannot be set up: {0}")]
    Traces(#[from] ExporterBuildError),
    /// The HTTP client of the trace exporter cannot be made.
    #[error("traces cannot be set up: {0}")]
    Client(#[from] reqwest::Error),
    /// Somebody else logs already.
    #[error("the log cannot be set up: {0}")]
    Log(#[from] tracing_subscriber::util::TryInitError),
}

/// The handle of the recorder, which is one for the process, too.
static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// The running telemetry of a process; dropping it sends what is left.
#[derive(Debug)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Starts logs, metrics and traces as `settings` ask, for the whole process.
    ///
    /// Has to be called inside a tokio runtime, because traces are sent by it.
    ///
    /// # Errors
    ///
    /// [`TelemetryError`] if a part cannot be set up or was before.
    pub fn start(settings: &Settings) -> Result<Self, TelemetryError> {
        let traces = settings.otlp_endpoint.as_ref().map(tracer_provider).transpose()?;
        let tracing_layer = traces.as_ref().map(|provider| {
            tracing_opentelemetry::layer().with_tracer(provider.tracer(env!("CARGO_PKG_NAME")))
        });
        // The setting was parsed with the same parser when it was loaded.
        let filter = EnvFilter::new(settings.log.as_str());
        let lines = tracing_subscriber::fmt::layer()
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr);
        let lines = match settings.log_format {
            LogFormat::Text => lines.with_target(false).boxed(),
            LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
        };
        tracing_subscriber::registry().with(filter).with(lines).with(tracing_layer).try_init()?;

        if settings.metrics {
            let recorder = metrics_builder()?.install_recorder()?;
            METRICS.get_or_init(|| recorder);
        }
        Ok(Self { traces })
    }

    /// Sends the spans that are left, for at most three seconds, and stops.
    pub async fn shutdown(mut self) {
        if let Some(traces) = self.traces.take() {
            // Waits for its thread, so it may not run on the runtime's own.
            let flushed =
                tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(FLUSH_TIMEOUT));
            if let Ok(Err(error)) = flushed.await {
                tracing::debug!(%error, "spans were lost");
            }
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(traces) = self.traces.take() {
            let _ = traces.shutdown_with_timeout(FLUSH_TIMEOUT);
        }
    }
}

/// An error with its causes, in one line of the log; a JSON log would keep only
/// the first.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// What renders the metrics of this process; none if they are off.
pub fn metrics() -> Option<PrometheusHandle> {
    METRICS.get().cloned()
}

/// Folds samples into buckets until `shutdown`, so that memory stays bounded
/// if nobody scrapes.
pub async fn upkeep(metrics: PrometheusHandle, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(UPKEEP_INTERVAL);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        metrics.run_upkeep();
    }
}

fn metrics_builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Prefix("muster_deprovisioning_".into()),
            REVOCATION_BUCKETS,
        )?
        .set_buckets_for_metric(Matcher::Full(HTTP_REQUEST.into()), REQUEST_BUCKETS)
}

fn tracer_provider(endpoint: &HttpUrl) -> Result<SdkTracerProvider, TelemetryError> {
    let client = reqwest::Client::builder().timeout(EXPORT_TIMEOUT).build()?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(format!("{}/v1/traces", endpoint.as_str()))
        .with_timeout(EXPORT_TIMEOUT)
        .build()?;
    let exporter = OnRuntime { exporter, runtime: Handle::current() };
    let resource = Resource::builder().with_service_name(env!("CARGO_PKG_NAME")).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// An exporter whose client needs a tokio runtime.
///
/// The batch processor exports from a thread of its own that knows no runtime;
/// each step of an export is therefore taken inside ours.
#[derive(Debug)]
struct OnRuntime {
    exporter: SpanExporter,
    runtime: Handle,
}

impl opentelemetry_sdk::trace::SpanExporter for OnRuntime {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        let mut export = Box::pin(self.exporter.export(batch));
        poll_fn(move |context| {
            let _runtime = self.runtime.enter();
            export.as_mut().poll(context)
        })
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revocation_times_have_buckets_up_to_five_minutes() {
        let recorder = metrics_builder().unwrap().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            metrics::histogram!(DEPROVISIONING_CONFIRMED).record(0.2);
        });

        let text = handle.render();
        assert!(text.contains(r#"_bucket{le="0.1"} 0"#), "{text}");
        assert!(text.contains(r#"_bucket{le="0.25"} 1"#), "{text}");
        assert!(text.contains(r#"_bucket{le="300"} 1"#), "{text}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn spans_reach_a_collector_and_are_flushed_at_the_end() {
        use opentelemetry::trace::Tracer;
        use tokio::io::{AsyncReadExt, AsyncWriteExt};

        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let collector = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", collector.local_addr().unwrap());
        let provider = tracer_provider(&HttpUrl::try_from(url).unwrap()).unwrap();
        provider.tracer("test").start("request");
        let telemetry = Telemetry { traces: Some(provider) };

        let received = async {
            let (mut socket, _) = collector.accept().await.unwrap();
            let mut bytes = vec![0; 4096];
            let length = socket.read(&mut bytes).await.unwrap();
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            String::from_utf8_lossy(&bytes[..length]).into_owned()
        };
        let (request, ()) = tokio::join!(received, telemetry.shutdown());

        assert!(request.starts_with("POST /v1/traces HTTP/1.1"), "{request}");
    }
}
