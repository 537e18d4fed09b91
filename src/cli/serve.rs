//! `muster serve`.

use std::pin::pin;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::failure::Failure;
use crate::{app::App, config::Settings, telemetry::Telemetry};

/// Serves until a signal, then lets running requests finish.
pub(super) async fn run(settings: Settings) -> Result<(), Failure> {
    let telemetry = Telemetry::start(&settings).map_err(Failure::failed)?;
    let served = serve(settings).await;
    telemetry.shutdown().await;
    served
}

async fn serve(settings: Settings) -> Result<(), Failure> {
    let app = tokio::select! {
        app = App::open(settings) => app?,
        asked = stop_signal() => return asked,
    };
    let shutdown = CancellationToken::new();
    let mut serving = pin!(app.serve(shutdown.clone()));
    tokio::select! {
        served = serving.as_mut() => return Ok(served?),
        asked = stop_signal() => asked?,
    }
    info!("stopping; a second signal stops at once");
    shutdown.cancel();
    tokio::select! {
        served = serving => Ok(served?),
        asked = stop_signal() => asked.and(Err(Failure::failed("stopped at once"))),
    }
}

/// Waits until somebody asks the process to stop.
async fn stop_signal() -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::failed)?;
    tokio::select! {
        _ = terminate.recv() => (),
        _ = interrupt.recv() => (),
    }
    Ok(())
}
