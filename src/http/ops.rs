//! The ops listener: health for orchestrators, metrics for Prometheus.
//!
//! It tells about the inside and asks for no token, so it has a port of its own.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use metrics_exporter_prometheus::PrometheusHandle;
use poem::{Endpoint, EndpointExt, IntoResponse, Response, Route, get, http::StatusCode};
use tokio::time::timeout;
use tracing::warn;

/// An orchestrator that gets no answer restarts us; "not ready" is the better one.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// Something that knows whether requests can be served.
pub trait Ready: Send + Sync {
    /// Gives `Ok` if requests can be served, and else why not, in a few words.
    fn ready(&self) -> BoxFuture<'_, Result<(), String>>;
}

/// The routes `/health/live`, `/health/ready` and, with a recorder, `/metrics`.
pub fn route(
    ready: Arc<dyn Ready>,
    metrics: Option<PrometheusHandle>,
) -> impl Endpoint<Output = Response> + 'static {
    let mut route = Route::new()
        .at("/health/live", get(poem::endpoint::make_sync(|_| "live\n")))
        .at("/health/ready", get(poem::endpoint::make(move |_| readiness(ready.clone()))));
    if let Some(metrics) = metrics {
        let render = move |_| {
            let text = metrics.render();
            text.with_content_type("text/plain; version=0.0.4; charset=utf-8").into_response()
        };
        route = route.at("/metrics", get(poem::endpoint::make_sync(render)));
    }
    route.catch_all_error(async |error: poem::Error| error.status()).map_to_response()
}

async fn readiness(ready: Arc<dyn Ready>) -> Response {
    let reason = match timeout(READY_TIMEOUT, ready.ready()).await {
        Ok(Ok(())) => return "ready\n".into_response(),
        Ok(Err(reason)) => reason,
        Err(_) => "no answer in time".to_owned(),
    };
    warn!(%reason, "not ready");
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Answer(Option<Result<(), &'static str>>);

    impl Ready for Answer {
        fn ready(&self) -> BoxFuture<'_, Result<(), String>> {
            Box::pin(async {
                match self.0 {
                    Some(answer) => answer.map_err(str::to_owned),
                    None => std::future::pending().await,
                }
            })
        }
    }

    async fn check(ready: Option<Result<(), &'static str>>, path: &str, expected: (u16, &str)) {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || metrics::counter!("muster_test").increment(1));
        let endpoint = route(Arc::new(Answer(ready)), Some(recorder.handle()));
        let request = poem::Request::builder().uri(path.parse().unwrap()).finish();
        let answer = endpoint.get_response(request).await;
        let status = answer.status().as_u16();
        let body = answer.into_body().into_string().await.unwrap();
        assert_eq!((status, body.contains(expected.1)), (expected.0, true), "{path}: {body}");
    }

    #[tokio::test]
    async fn health_and_metrics_are_told_apart() {
        check(Some(Err("no database")), "/health/live", (200, "live")).await;
        check(Some(Ok(())), "/health/ready", (200, "ready")).await;
        check(Some(Err("no database")), "/health/ready", (503, "no database")).await;
        check(None, "/health/ready", (503, "in time")).await;
        check(Some(Ok(())), "/metrics", (200, "muster_test 1")).await;
        check(Some(Ok(())), "/else", (404, "")).await;
    }
}
