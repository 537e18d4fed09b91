//! One connection: its requests, its time limits and its end.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    error::Error,
    io,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    server::conn::{http1, http2},
    service::HttpService,
};
use hyper_util::rt::TokioIo;
use poem::{Endpoint, Response, web::RemoteAddr};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::debug;

use super::{Limits, Server};

/// Runs what hyper starts for HTTP/2 requests, so that none outlives the server.
#[derive(Debug, Clone)]
pub(super) struct Executor {
    tasks: TaskTracker,
    cut: CancellationToken,
}

impl Executor {
    /// Counts tasks in `tasks` and drops them at `cut`.
    pub(super) fn new(tasks: TaskTracker, cut: CancellationToken) -> Self {
        Self { tasks, cut }
    }
}

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.tasks.spawn(self.cut.clone().run_until_cancelled_owned(task));
    }
}

/// A connection whose protocol is known.
pub(super) struct Connection<E> {
    pub(super) server: Arc<Server<E>>,
    pub(super) remote: RemoteAddr,
}

impl<E: Endpoint<Output = Response> + 'static> Connection<E> {
    /// Answers requests until the client, a limit or the stop ends the connection.
    pub(super) async fn run<S>(self, stream: S, scheme: http::uri::Scheme, is_http2: bool)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Self { server, remote } = self;
        let requests = Arc::new(Requests::default());
        let service = hyper::service::service_fn(|request: http::Request<Incoming>| {
            let server = server.clone();
            let open = requests.open();
            let request = (request, server.local.clone(), remote.clone(), scheme.clone());
            async move {
                let response = server.endpoint.get_response(request.into()).await;
                let response = hyper::Response::<_>::from(response);
                Ok::<_, Infallible>(response.map(|body| Sent { body, _open: open }))
            }
        });
        let stream = TokioIo::new(Timed::new(stream, requests.clone(), &server.limits, is_http2));
        let ended = match is_http2 {
            true => {
                server.until_end(server.http2.serve_connection(stream, service), &requests).await
            }
            false => {
                server.until_end(server.http1.serve_connection(stream, service), &requests).await
            }
        };
        if let Err(error) = ended {
            debug!(%error, "a connection ended early");
        }
    }
}

impl<E> Server<E> {
    async fn until_end(&self, connection: impl Graceful, requests: &Requests) -> hyper::Result<()> {
        let mut connection = pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = wait_for_end(requests, &self.limits, &self.shutdown) => {
                connection.as_mut().finish();
                // HTTP/2 says good-bye in two steps; a client may ignore the first.
                timeout(self.limits.drain, connection).await.unwrap_or(Ok(()))
            }
        }
    }
}

/// A connection that can be asked to end after its running requests.
trait Graceful: Future<Output = hyper::Result<()>> {
    fn finish(self: Pin<&mut Self>);
}

impl<I, S> Graceful for http1::Connection<I, S>
where
    S: HttpService<Incoming>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
    S::ResBody: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S> Graceful for http2::Connection<I, S, Executor>
where
    S: HttpService<Incoming>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
    S::ResBody: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
    Executor: hyper::rt::bounds::Http2ServerConnExec<S::Future, S::ResBody>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Waits until the server stops, no request was open for a while, or one is
/// open for too long.
///
/// hyper ends a silent HTTP/1 connection itself; an HTTP/2 client that answers
/// pings, or that never lets an answer be sent, would stay for ever.
async fn wait_for_end(requests: &Requests, limits: &Limits, shutdown: &CancellationToken) {
    let watch = async {
        tokio::select! {
            () = idle(requests, limits.idle) => (),
            () = overdue(requests, limits.request) => (),
        }
    };
    shutdown.run_until_cancelled(watch).await;
}

async fn idle(requests: &Requests, limit: Duration) {
    let mut before = None;
    loop {
        let now = requests.silence();
        if now.is_some() && now == before {
            return;
        }
        before = now;
        tokio::time::sleep(limit).await;
    }
}

async fn overdue(requests: &Requests, limit: Duration) {
    let mut end = Instant::now() + limit;
    loop {
        tokio::time::sleep_until(end).await;
        let now = Instant::now();
        end = requests.oldest().unwrap_or(now) + limit;
        if end <= now {
            return;
        }
    }
}

/// The requests of one connection.
#[derive(Debug, Default)]
struct Requests(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    begun: u64,
    /// When those began whose answers are not sent yet, by number.
    open: BTreeMap<u64, Instant>,
}

impl Requests {
    fn open(self: &Arc<Self>) -> Open {
        let mut counted = self.counted();
        counted.begun += 1;
        let number = counted.begun;
        counted.open.insert(number, Instant::now());
        Open { requests: self.clone(), number }
    }

    /// How many requests there were, if none is open.
    fn silence(&self) -> Option<u64> {
        let counted = self.counted();
        counted.open.is_empty().then_some(counted.begun)
    }

    /// When the oldest request began that is open.
    fn oldest(&self) -> Option<Instant> {
        self.counted().open.first_key_value().map(|(_, began)| *began)
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request whose answer is not sent yet.
struct Open {
    requests: Arc<Requests>,
    number: u64,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.requests.counted().open.remove(&self.number);
    }
}

/// A body that keeps its request open until it is sent.
struct Sent<B> {
    body: B,
    _open: Open,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Sent<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that fails when the client is too slow.
struct Timed<S> {
    stream: S,
    requests: Arc<Requests>,
    /// Limit on a header that has begun; HTTP/2 has none, its frames mix requests.
    header: Option<Duration>,
    /// The silence in which the header began, and when.
    header_began: Option<(u64, Instant)>,
    write: Duration,
    write_began: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    write_timer: Pin<Box<Sleep>>,
}

impl<S> Timed<S> {
    fn new(stream: S, requests: Arc<Requests>, limits: &Limits, is_http2: bool) -> Self {
        let now = Instant::now();
        Self {
            stream,
            requests,
            header: (!is_http2).then_some(limits.header),
            // The first header has begun: its bytes were seen, or TLS was spoken.
            header_began: Some((0, now)),
            write: limits.write,
            write_began: None,
            timer: Box::pin(tokio::time::sleep_until(now)),
            write_timer: Box::pin(tokio::time::sleep_until(now)),
        }
    }

    /// Notes that bytes have come while no request was open.
    fn note_read(&mut self, bytes: usize) {
        let silence = self.requests.silence();
        match (silence, self.header_began) {
            (Some(now), Some((began, _))) if now == began => (),
            (Some(now), _) if 0 < bytes => self.header_began = Some((now, Instant::now())),
            (Some(_) | None, _) => self.header_began = None,
        }
    }

    fn poll_header_limit(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.note_read(0);
        match (self.header, self.header_began) {
            (Some(limit), Some((_, began))) => poll_until(&mut self.timer, began + limit, context),
            (_, _) => Poll::Pending,
        }
    }

    /// Passes on what a write gave; fails if it has been pending for too long.
    fn limit_write<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.write_began = None;
            return polled;
        }
        let began = *self.write_began.get_or_insert_with(Instant::now);
        poll_until(&mut self.write_timer, began + self.write, context).map(|()| Err(too_slow()))
    }
}

fn poll_until(timer: &mut Pin<Box<Sleep>>, end: Instant, context: &mut Context<'_>) -> Poll<()> {
    if timer.deadline() != end {
        timer.as_mut().reset(end);
    }
    timer.as_mut().poll(context)
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client is too slow")
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(read) => {
                self.note_read(buffer.filled().len() - before);
                Poll::Ready(read)
            }
            Poll::Pending => self.poll_header_limit(context).map(|()| Err(too_slow())),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.limit_write(polled, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.limit_write(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.limit_write(polled, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(context);
        self.limit_write(polled, context)
    }
}
