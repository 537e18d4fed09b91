//! Requests as bytes, for what no HTTP library would send.

use std::time::Duration;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longer than any limit of the service.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer as it stood on the wire.
#[derive(Debug, Clone)]
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

/// Sends `parts` on a connection of its own, with a pause after each, and gives
/// the first answer; none if the connection is closed without one.
///
/// Reading does not wait for the end of sending: the service may answer early.
pub(crate) async fn exchange(
    address: &str,
    parts: impl IntoIterator<Item = Vec<u8>>,
    pause: Duration,
) -> Option<RawAnswer> {
    let address = address.trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let (mut reader, mut writer) = socket.split();
    let send = async {
        for part in parts {
            // A service that has answered may not read on.
            if writer.write_all(&part).await.is_err() {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        std::future::pending::<()>().await;
    };
    let receive = async {
        let mut seen = Vec::new();
        let mut buffer = [0; 16 * 1024];
        loop {
            if let Some(answer) = parse(&seen) {
                return Some(answer);
            }
            match reader.read(&mut buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => seen.extend_from_slice(&buffer[..count]),
            }
        }
    };
    tokio::select! {
        answer = timeout(PATIENCE, receive) => answer.expect("the service says or ends something"),
        () = send => None,
    }
}

/// The answer, when all of it is there.
fn parse(seen: &[u8]) -> Option<RawAnswer> {
    let text = String::from_utf8_lossy(seen);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    let status = head.split(' ').nth(1)?.parse().unwrap();
    let body = serde_json::from_str(body.get(..length)?).unwrap_or(Value::Null);
    Some(RawAnswer { status, head, body })
}
