use std::net::SocketAddr;

use poem::{Body, Route, endpoint::make_sync, get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
    task::JoinHandle,
    time::Instant,
};

use super::*;

/// The limits under test, short enough to wait for.
fn short() -> Limits {
    Limits {
        handshake: Duration::from_millis(300),
        header: Duration::from_millis(300),
        idle: Duration::from_millis(900),
        write: Duration::from_millis(300),
        request: Duration::from_millis(1500),
        drain: Duration::from_millis(400),
        ..Limits::default()
    }
}

struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<io::Result<()>>,
    release: Arc<Notify>,
}

impl Running {
    #[expect(clippy::disallowed_methods, reason = "the test awaits the task itself")]
    async fn start(limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let release = Arc::new(Notify::new());
        let wait = release.clone();
        let held = move |_| {
            let wait = wait.clone();
            async move {
                wait.notified().await;
                "held"
            }
        };
        let endpoint = Route::new()
            .at("/", get(make_sync(|_| "hello")))
            .at("/held", get(poem::endpoint::make(held)))
            .at("/large", get(make_sync(|_| Body::from(vec![b'x'; 64 << 20]))));
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve(endpoint, listener, None, limits, shutdown.clone()));
        Self { address, shutdown, task, release }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut socket = self.connect().await;
        socket.write_all(bytes).await.unwrap();
        socket
    }

    /// Stops the server and gives back how long that took.
    async fn stop(self) -> Duration {
        let start = Instant::now();
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
        start.elapsed()
    }
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// Reads an answer whose body ends in `last`.
async fn read_answer(socket: &mut TcpStream, last: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(last) {
        let mut part = [0; 1024];
        let length = socket.read(&mut part).await.unwrap();
        assert_ne!(length, 0, "closed after {text:?}");
        text.push_str(std::str::from_utf8(&part[..length]).unwrap());
    }
    text
}

/// Waits until the server closes the connection: how long, and what it said before.
async fn until_closed(socket: &mut TcpStream) -> (Duration, String) {
    let start = Instant::now();
    let mut bytes = Vec::new();
    let closed = timeout(Duration::from_secs(8), socket.read_to_end(&mut bytes)).await;
    // A reset is a way to close, too.
    let _ = closed.expect("the server closes the connection");
    (start.elapsed(), String::from_utf8_lossy(&bytes).into_owned())
}

#[track_caller]
fn check_near(took: Duration, limit: Duration) {
    let low = limit.mul_f64(0.7);
    assert!(low < took && took < limit + Duration::from_secs(3), "{took:?} instead of {limit:?}");
}

#[tokio::test]
async fn a_connection_that_says_too_little_is_closed() {
    let limits = short();
    let server = Running::start(limits).await;
    for begin in ["", "PRI", "GET / HTTP/1.1\r\nho"] {
        let mut socket = server.send(begin.as_bytes()).await;
        let (took, _) = until_closed(&mut socket).await;
        check_near(took, limits.header);
    }
}

#[tokio::test]
async fn a_header_sent_byte_by_byte_is_cut_off_even_after_a_good_request() {
    // A70
    let limits = short();
    let server = Running::start(limits).await;
    let mut socket = server.send(REQUEST).await;
    read_answer(&mut socket, "hello").await;

    let start = Instant::now();
    let mut failed = false;
    for byte in REQUEST.iter().cycle().take(60) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if socket
            .write_all(&[if *byte == b'\r' || *byte == b'\n' { b'x' } else { *byte }])
            .await
            .is_err()
        {
            failed = true;
            break;
        }
    }

    assert!(failed, "still open after {:?}", start.elapsed());
    check_near(start.elapsed(), limits.header);
}

#[tokio::test]
async fn silence_between_requests_may_last_longer_than_a_header() {
    let limits = short();
    let server = Running::start(limits).await;
    let mut socket = server.send(REQUEST).await;
    read_answer(&mut socket, "hello").await;

    tokio::time::sleep(limits.header * 2).await;
    socket.write_all(REQUEST).await.unwrap();
    read_answer(&mut socket, "hello").await;

    let (took, rest) = until_closed(&mut socket).await;
    check_near(took, limits.idle);
    assert_eq!(rest, "");
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up() {
    // A70
    let limits = short();
    let server = Running::start(limits).await;
    let mut socket = server.send(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;

    tokio::time::sleep(limits.write * 4).await;

    let mut bytes = Vec::new();
    let _ = socket.read_to_end(&mut bytes).await;
    assert!(bytes.len() < 64 << 20, "all {} bytes came", bytes.len());
}

#[tokio::test]
async fn a_header_has_at_most_64_fields_and_64_kib() {
    // A73
    let server = Running::start(Limits::default()).await;
    let fields = |count: usize| {
        let fields: String = (0..count).map(|n| format!("x-{n}: 1\r\n")).collect();
        format!("GET / HTTP/1.1\r\n{fields}connection: close\r\n\r\n")
    };
    let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(80_000));

    for (request, status) in [(fields(63), "200"), (fields(64), "431"), (long, "431")] {
        let mut socket = server.connect().await;
        let _ = socket.write_all(request.as_bytes()).await;
        let (_, answer) = until_closed(&mut socket).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer:?}");
    }
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_a_place() {
    let server = Running::start(Limits { connections: 1, ..Limits::default() }).await;
    let mut first = server.send(REQUEST).await;
    read_answer(&mut first, "hello").await;

    let mut second = server.send(REQUEST).await;
    let early = timeout(Duration::from_millis(200), read_answer(&mut second, "hello")).await;
    assert!(early.is_err(), "answered without a place");

    drop(first);
    timeout(Duration::from_secs(5), read_answer(&mut second, "hello")).await.unwrap();
}

#[tokio::test]
async fn a_stop_lets_running_requests_finish() {
    let server = Running::start(Limits::default()).await;
    let mut idle = server.send(REQUEST).await;
    read_answer(&mut idle, "hello").await;
    let mut running = server.send(b"GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(100)).await;

    server.shutdown.cancel();
    let (took, _) = until_closed(&mut idle).await;
    assert!(took < Duration::from_secs(2), "an idle connection was kept for {took:?}");
    assert!(TcpStream::connect(server.address).await.is_err(), "still listening");
    server.release.notify_one();

    assert!(read_answer(&mut running, "held").await.starts_with("HTTP/1.1 200"));
    assert!(server.stop().await < Duration::from_secs(2));
}

#[tokio::test]
async fn a_stop_does_not_wait_for_hanging_clients() {
    let limits = Limits { drain: Duration::from_millis(400), ..Limits::default() };
    let server = Running::start(limits).await;
    let _silent = server.connect().await;
    let _half = server.send(b"GET / HTTP/1.1\r\nho").await;
    let _held = server.send(b"GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(100)).await;

    check_near(server.stop().await, limits.drain);
}

#[tokio::test]
async fn http2_is_spoken_and_an_idle_client_is_sent_away() {
    let server = Running::start(short()).await;
    let url = format!("http://{}/", server.address);
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();

    let answer = client.get(&url).send().await.unwrap();
    assert_eq!(answer.version(), http::Version::HTTP_2);
    assert_eq!(answer.text().await.unwrap(), "hello");

    // Preface and empty SETTINGS, then nothing.
    let mut socket = server.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    let (took, _) = until_closed(&mut socket).await;
    check_near(took, short().idle + short().drain);
}

#[tokio::test]
async fn an_http2_client_that_lets_no_answer_be_sent_is_sent_away() {
    let server = Running::start(short()).await;
    let mut hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // SETTINGS: a window of 0. HEADERS: GET / over http at x, which is all there is of it.
    hello.extend([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
    hello.extend([0, 0, 6, 1, 5, 0, 0, 0, 1, 0x82, 0x86, 0x84, 0x41, 1, b'x']);
    let mut socket = server.send(&hello).await;
    let (took, _) = until_closed(&mut socket).await;
    check_near(took, short().request + short().drain);
}
