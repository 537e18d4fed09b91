//! Accepts connections and drives a poem endpoint with hyper.
//!
//! poem's own server has no time limits, so this loop stands in its place.
//! Nothing a client does, or leaves undone, holds a connection for longer than
//! [`Limits`] says: not a handshake, half a header, silence between requests,
//! an answer that is not read, or a stop of the server.

mod connection;
#[cfg(test)]
mod tests;

use std::{io, sync::Arc, time::Duration};

use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioTimer;
use poem::{
    Addr, Endpoint, EndpointExt, IntoEndpoint, Response,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use super::tls::Certificate;
use connection::{Connection, Executor};

/// Running out of file descriptors lasts; asking again at once would only burn time.
const PAUSE_ON_ACCEPT_ERROR: Duration = Duration::from_millis(100);

/// Reset streams that a client may have pending ("rapid reset").
const MAX_RESET_STREAMS: usize = 20;

/// What a client may use up.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections served at a time. More wait in the backlog of the system.
    pub connections: usize,
    /// From the accept to the end of the TLS handshake, or to the first bytes.
    pub handshake: Duration,
    /// From the first byte of a request to the end of its header.
    pub header: Duration,
    /// Silence after a request before the connection is closed.
    pub idle: Duration,
    /// An answer of which the client reads nothing.
    pub write: Duration,
    /// From the header of a request to the end of its answer, whatever comes between.
    pub request: Duration,
    /// Bytes of a header.
    pub header_bytes: u32,
    /// Fields of a header.
    pub headers: usize,
    /// HTTP/2 requests at a time on one connection.
    pub streams: u32,
    /// HTTP/2: silence before a ping, and then the wait for its answer.
    pub ping: Duration,
    /// From the stop to the end of the last request, whatever it does.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(10),
            // Longer than the 60 s of common load balancers, which should be
            // the ones to close first.
            idle: Duration::from_secs(75),
            write: Duration::from_secs(30),
            // An answer is ready within 60 s, or there is a 503.
            request: Duration::from_secs(120),
            header_bytes: 64 * 1024,
            headers: 64,
            streams: 128,
            ping: Duration::from_secs(20),
            drain: Duration::from_secs(9),
        }
    }
}

/// Serves `endpoint` on `listener` until `shutdown`; with a certificate, over TLS.
///
/// At the stop, idle connections are closed, running requests get
/// [`Limits::drain`] to finish, and what is left then is cut off.
///
/// # Errors
///
/// If the listener has no local address.
pub async fn serve<E>(
    endpoint: E,
    listener: TcpListener,
    certificate: Option<Arc<Certificate>>,
    limits: Limits,
    shutdown: CancellationToken,
) -> io::Result<()>
where
    E: IntoEndpoint,
    E::Endpoint: 'static,
{
    let tasks = TaskTracker::new();
    let cut = CancellationToken::new();
    if let Some(certificate) = certificate.clone() {
        let stop = shutdown.clone();
        tasks.spawn(async move { certificate.watch(stop).await });
    }
    let server = Arc::new(Server {
        endpoint: endpoint.into_endpoint().map_to_response(),
        http1: http1(&limits),
        http2: http2(&limits, Executor::new(tasks.clone(), cut.clone())),
        local: LocalAddr(Addr::SocketAddr(listener.local_addr()?)),
        certificate,
        limits,
        shutdown,
    });

    accept(&server, &listener, &tasks, &cut).await;
    drop(listener);
    tasks.close();
    if timeout(limits.drain, tasks.wait()).await.is_err() {
        warn!(connections = tasks.len(), "stopped with requests unfinished");
        cut.cancel();
        tasks.wait().await;
    }
    Ok(())
}

fn http1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    let header_bytes = usize::try_from(limits.header_bytes).unwrap_or(usize::MAX);
    builder
        .timer(TokioTimer::new())
        // hyper counts silence between requests as part of the next header;
        // the connection has a shorter limit for a header that has begun.
        .header_read_timeout(limits.idle)
        // The buffer may grow past its limit, the header may not.
        .max_buf_size(header_bytes)
        .max_header_size(header_bytes)
        .max_headers(limits.headers);
    builder
}

fn http2(limits: &Limits, executor: Executor) -> http2::Builder<Executor> {
    let mut builder = http2::Builder::new(executor);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.header_bytes)
        .max_pending_accept_reset_streams(MAX_RESET_STREAMS)
        .keep_alive_interval(limits.ping)
        .keep_alive_timeout(limits.ping);
    builder
}

async fn accept<E>(
    server: &Arc<Server<E>>,
    listener: &TcpListener,
    tasks: &TaskTracker,
    cut: &CancellationToken,
) where
    E: Endpoint<Output = Response> + 'static,
{
    let places = Arc::new(Semaphore::new(server.limits.connections));
    let next = async || {
        // The place is taken first: what is not accepted costs no descriptor.
        let place = places.clone().acquire_owned().await.ok()?;
        Some((place, listener.accept().await))
    };
    while let Some(Some((place, accepted))) = server.shutdown.run_until_cancelled(next()).await {
        match accepted {
            Ok((socket, peer)) => {
                let task = server.clone().connection(socket, RemoteAddr(peer.into()), place);
                tasks.spawn(cut.clone().run_until_cancelled_owned(task));
            }
            Err(error) => {
                warn!(%error, "could not accept a connection");
                sleep(PAUSE_ON_ACCEPT_ERROR).await;
            }
        }
    }
}

/// What all connections share.
struct Server<E> {
    endpoint: E,
    http1: http1::Builder,
    http2: http2::Builder<Executor>,
    local: LocalAddr,
    certificate: Option<Arc<Certificate>>,
    limits: Limits,
    shutdown: CancellationToken,
}

impl<E: Endpoint<Output = Response> + 'static> Server<E> {
    /// Serves one connection to its end and gives back its place.
    async fn connection(
        self: Arc<Self>,
        socket: TcpStream,
        remote: RemoteAddr,
        place: OwnedSemaphorePermit,
    ) {
        let _place = place;
        if let Err(error) = socket.set_nodelay(true) {
            debug!(%error, "connection lost at once");
            return;
        }
        let connection = Connection { server: self.clone(), remote };
        let stopped = self.shutdown.run_until_cancelled(self.handshake(socket)).await;
        match stopped.flatten() {
            Some(Transport::Plain { socket, is_http2 }) => {
                connection.run(socket, http::uri::Scheme::HTTP, is_http2).await;
            }
            Some(Transport::Tls { stream, is_http2 }) => {
                connection.run(*stream, http::uri::Scheme::HTTPS, is_http2).await;
            }
            None => (),
        }
    }

    /// Speaks TLS if there is a certificate, and learns the version of HTTP.
    async fn handshake(&self, socket: TcpStream) -> Option<Transport> {
        let Some(certificate) = &self.certificate else {
            let is_http2 = timeout(self.limits.handshake, speaks_http2(&socket)).await.ok()??;
            return Some(Transport::Plain { socket, is_http2 });
        };
        let acceptor = tokio_rustls::TlsAcceptor::from(certificate.current());
        let stream = timeout(self.limits.handshake, acceptor.accept(socket)).await.ok()?.ok()?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Some(Transport::Tls { stream: Box::new(stream), is_http2 })
    }
}

enum Transport {
    Plain { socket: TcpStream, is_http2: bool },
    Tls { stream: Box<tokio_rustls::server::TlsStream<TcpStream>>, is_http2: bool },
}

/// Whether the first bytes begin the preface of HTTP/2 (RFC 9113 §3.4).
///
/// Which protocol is spoken must be known before hyper gets the socket; the
/// caller has a time limit.
async fn speaks_http2(socket: &TcpStream) -> Option<bool> {
    const PREFACE: &[u8; 4] = b"PRI ";
    /// Peeking does not wait for more bytes while some are there.
    const PAUSE: Duration = Duration::from_millis(5);

    let mut first = [0; PREFACE.len()];
    loop {
        let length = socket.peek(&mut first).await.ok()?;
        let seen = first.get(..length)?;
        match seen {
            [] => return None,
            seen if seen == PREFACE => return Some(true),
            seen if !PREFACE.starts_with(seen) => return Some(false),
            _ => sleep(PAUSE).await,
        }
    }
}
