//! A small blocking HTTP/1.1 keep-alive client: one connection per worker.
//!
//! The load generator shares two cores with the server under test, so it must cost as little CPU
//! as possible. It only ever talks to loopback.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

#[derive(Clone, Debug)]
pub struct Target {
    pub addr: SocketAddr,
    pub host: String,
    pub prefix: String,
    pub token: String,
}

impl Target {
    /// Parses `http://host:port/prefix`; anything that is not loopback is refused.
    pub fn new(base_url: &str, token: &str) -> Result<Self, String> {
        let rest = base_url
            .strip_prefix("http://")
            .ok_or_else(|| format!("{base_url}: only http:// is supported"))?;
        let (host, prefix) = match rest.find('/') {
            Some(i) => (&rest[..i], rest[i..].trim_end_matches('/')),
            None => (rest, ""),
        };
        let addr = host
            .to_socket_addrs()
            .map_err(|e| format!("{host}: {e}"))?
            .find(|a| matches!(a.ip(), IpAddr::V4(_)))
            .ok_or_else(|| format!("{host}: no IPv4 address"))?;
        if !addr.ip().is_loopback() {
            return Err(format!("{base_url}: refusing a target that is not loopback"));
        }
        Ok(Target { addr, host: host.into(), prefix: prefix.into(), token: token.into() })
    }
}

#[derive(Debug)]
pub struct Resp {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Resp {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or(serde_json::Value::Null)
    }
    /// Status and the start of the body, for error samples.
    pub fn brief(&self) -> String {
        let text =
            String::from_utf8_lossy(&self.body[..self.body.len().min(160)]).replace('\n', " ");
        format!("HTTP {} {}", self.status, text)
    }
}

pub struct Client {
    target: Target,
    conn: Option<TcpStream>,
    buf: Vec<u8>,
    timeout: Duration,
    /// Latency of every request since the last `take_latencies`, in microseconds.
    latencies: Vec<u32>,
    pub retries: u64,
}

impl Client {
    pub fn new(target: &Target, timeout: Duration) -> Self {
        Client {
            target: target.clone(),
            conn: None,
            buf: Vec::with_capacity(16 << 10),
            timeout,
            latencies: Vec::new(),
            retries: 0,
        }
    }

    pub fn take_latencies(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.latencies)
    }

    pub fn get(&mut self, path: &str) -> io::Result<Resp> {
        self.send("GET", path, None, &[])
    }

    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&str>,
        extra: &[(&str, &str)],
    ) -> io::Result<Resp> {
        let mut head = String::with_capacity(512);
        head.push_str(method);
        head.push(' ');
        head.push_str(&self.target.prefix);
        head.push_str(path);
        head.push_str(" HTTP/1.1\r\nHost: ");
        head.push_str(&self.target.host);
        head.push_str("\r\nAccept: application/scim+json\r\n");
        if !extra.iter().any(|(k, _)| k.eq_ignore_ascii_case("authorization")) {
            head.push_str("Authorization: Bearer ");
            head.push_str(&self.target.token);
            head.push_str("\r\n");
        }
        for (k, v) in extra {
            if !v.is_empty() {
                head.push_str(&format!("{k}: {v}\r\n"));
            }
        }
        if let Some(b) = body {
            head.push_str(&format!(
                "Content-Type: application/scim+json\r\nContent-Length: {}\r\n",
                b.len()
            ));
        }
        head.push_str("\r\n");
        let mut msg = head.into_bytes();
        if let Some(b) = body {
            msg.extend_from_slice(b.as_bytes());
        }

        let start = Instant::now();
        let reused = self.conn.is_some();
        let mut out = self.exchange(method, &msg);
        // A kept-alive connection that the server closed while idle: one fresh try, as any client does.
        if reused && matches!(&out, Err((_, true))) {
            self.retries += 1;
            out = self.exchange(method, &msg);
        }
        self.latencies.push(start.elapsed().as_micros().min(u32::MAX as u128) as u32);
        out.map_err(|(e, _)| e)
    }

    /// The bool of the error says that not one byte of a response had arrived.
    fn exchange(&mut self, method: &str, msg: &[u8]) -> Result<Resp, (io::Error, bool)> {
        if self.conn.is_none() {
            let s = TcpStream::connect_timeout(&self.target.addr, Duration::from_secs(5))
                .map_err(|e| (e, false))?;
            s.set_nodelay(true).ok();
            s.set_read_timeout(Some(self.timeout)).ok();
            s.set_write_timeout(Some(self.timeout)).ok();
            self.conn = Some(s);
        }
        let mut s = self.conn.take().unwrap();
        let mut got_any = false;
        let mut inner = || -> io::Result<(Resp, bool)> {
            s.write_all(msg)?;
            let buf = &mut self.buf;
            buf.clear();
            let mut chunk = [0u8; 64 << 10];
            let mut read = |buf: &mut Vec<u8>| -> io::Result<usize> {
                let n = s.read(&mut chunk)?;
                if n > 0 {
                    got_any = true;
                }
                buf.extend_from_slice(&chunk[..n]);
                Ok(n)
            };
            let eof = || io::Error::new(io::ErrorKind::UnexpectedEof, "connection closed");
            let (status, headers, start) = loop {
                if read(buf)? == 0 {
                    return Err(eof());
                }
                let mut hs = [httparse::EMPTY_HEADER; 64];
                let mut r = httparse::Response::new(&mut hs);
                match r.parse(buf) {
                    Ok(httparse::Status::Complete(n)) => {
                        let headers: Vec<(String, String)> = r
                            .headers
                            .iter()
                            .map(|h| {
                                (h.name.to_string(), String::from_utf8_lossy(h.value).into_owned())
                            })
                            .collect();
                        break (r.code.unwrap_or(0), headers, n);
                    }
                    Ok(httparse::Status::Partial) => {}
                    Err(e) => {
                        return Err(io::Error::new(io::ErrorKind::InvalidData, e.to_string()));
                    }
                }
            };
            let find = |n: &str| {
                headers
                    .iter()
                    .find(|(k, _)| k.eq_ignore_ascii_case(n))
                    .map(|(_, v)| v.to_ascii_lowercase())
            };
            let mut close = find("connection").is_some_and(|v| v.contains("close"));
            let body = if method == "HEAD" || status == 204 || status == 304 || status < 200 {
                Vec::new()
            } else if find("transfer-encoding").is_some_and(|v| v.contains("chunked")) {
                let mut body = Vec::new();
                let mut pos = start;
                loop {
                    let line_end = loop {
                        if let Some(i) = buf[pos..].windows(2).position(|w| w == b"\r\n") {
                            break pos + i;
                        }
                        if read(buf)? == 0 {
                            return Err(eof());
                        }
                    };
                    let size_text = std::str::from_utf8(&buf[pos..line_end])
                        .unwrap_or("")
                        .split(';')
                        .next()
                        .unwrap_or("")
                        .trim();
                    let size = usize::from_str_radix(size_text, 16).map_err(|_| {
                        io::Error::new(io::ErrorKind::InvalidData, "bad chunk size")
                    })?;
                    let data = line_end + 2;
                    while buf.len() < data + size + 2 {
                        if read(buf)? == 0 {
                            return Err(eof());
                        }
                    }
                    body.extend_from_slice(&buf[data..data + size]);
                    pos = data + size + 2;
                    if size == 0 {
                        break body;
                    }
                }
            } else if let Some(len) =
                find("content-length").and_then(|v| v.trim().parse::<usize>().ok())
            {
                while buf.len() < start + len {
                    if read(buf)? == 0 {
                        return Err(eof());
                    }
                }
                buf[start..start + len].to_vec()
            } else {
                close = true;
                while read(buf)? > 0 {}
                buf[start..].to_vec()
            };
            Ok((Resp { status, headers, body }, close))
        };
        match inner() {
            Ok((resp, close)) => {
                if !close {
                    self.conn = Some(s);
                }
                Ok(resp)
            }
            Err(e) => Err((e, !got_any)),
        }
    }
}

/// Percent-encodes a query value.
pub fn enc(s: &str) -> String {
    let mut out = String::with_capacity(s.len() * 2);
    for b in s.bytes() {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(b as char);
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}
