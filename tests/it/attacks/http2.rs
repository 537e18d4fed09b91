//! Frames of HTTP/2 that no client needs.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Database, on};

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// `GET / http` at host `x`, as the static table writes it.
const GET: [u8; 6] = [0x82, 0x86, 0x84, 0x41, 1, b'x'];

const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// What the service said before it closed, or within some seconds.
struct Said {
    kinds: Vec<u8>,
    closed: bool,
}

/// Sends the preface, then `frames` for as long as they are read.
async fn converse(app: &TestApp, frames: impl Iterator<Item = Vec<u8>>) -> Said {
    let address = app.address().trim_start_matches("http://");
    let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    let send = async {
        let hello = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
        if writer.write_all(&hello).await.is_ok() {
            for frame in frames {
                if writer.write_all(&frame).await.is_err() {
                    break;
                }
            }
        }
        std::future::pending::<()>().await;
    };
    let mut seen = Vec::new();
    let receive = tokio::time::timeout(Duration::from_secs(5), reader.read_to_end(&mut seen));
    let closed = tokio::select! {
        ended = receive => ended.is_ok(),
        () = send => false,
    };
    let (mut kinds, mut rest) = (Vec::new(), &seen[..]);
    while let [a, b, c, kind, _, _, _, _, _, behind @ ..] = rest {
        kinds.push(*kind);
        let length = usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).unwrap();
        rest = behind.get(length..).unwrap_or_default();
    }
    Said { kinds, closed }
}

fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|number| 2 * number + 1)
}

/// Half a minute at most, so everything is done at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_floods_is_sent_away() {
    // A72
    on(Database::Sqlite, json!({}), |app| async move {
        let acme = app.new_tenant().await;
        let reset = streams(10_000).map(|stream| {
            let open = frame(HEADERS, END_STREAM | END_HEADERS, stream, &GET);
            [open, frame(RESET, 0, stream, &[0, 0, 0, 8])].concat()
        });
        let opened = streams(10_000).map(|stream| frame(HEADERS, END_HEADERS, stream, &GET));
        let literal = [&[0, 1, b'x', 0x7f, 0x81, 0x7e][..], &[b'y'; 16_000]].concat();
        let endless = std::iter::once(frame(HEADERS, END_STREAM, 1, &GET))
            .chain((0..10_000).map(|_| frame(CONTINUATION, 0, 1, &literal)));
        let empty = std::iter::once(frame(HEADERS, END_STREAM, 1, &GET))
            .chain((0..100_000).map(|_| frame(CONTINUATION, 0, 1, &[])));
        // A field of 4,000 bytes in the table, then named again and again.
        let named = [&[0x40, 1, b'x', 0x7f, 0xa1, 0x1e][..], &[b'y'; 4000]].concat();
        let bomb = [&GET[..], &named, &[0xbe; 12_000]].concat();
        let bombs =
            streams(100).map(move |stream| frame(HEADERS, END_STREAM | END_HEADERS, stream, &bomb));
        let settings = (0..100_000).map(|_| frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]));
        let pings = (0..100_000).map(|_| frame(PING, 0, 0, &[0; 8]));

        let (reset, opened, endless, empty, bombs, _, _) = tokio::join!(
            converse(&app, reset),
            converse(&app, opened),
            converse(&app, endless),
            converse(&app, empty),
            converse(&app, bombs),
            converse(&app, settings),
            converse(&app, pings),
        );

        for (what, said) in [("rapid reset", reset), ("endless", endless), ("empty", empty)] {
            assert!(said.closed || said.kinds.contains(&GOAWAY), "{what}: {:?}", said.kinds);
        }
        // Too many at once are refused one by one.
        assert!(opened.closed || opened.kinds.contains(&RESET), "{:?}", opened.kinds);
        let served = bombs.kinds.iter().filter(|kind| **kind == HEADERS).count();
        assert!(bombs.closed || served <= 100, "{served}");
        acme.request(Method::GET, "/Users").await.expect(200);
    })
    .await;
}
