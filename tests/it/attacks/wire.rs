//! Requests as bytes: what HTTP itself lets a client try.
//!
//! None of it comes as far as the store, so it runs on SQLite alone.

use crate::support::{Database, RawAnswer, exchange, on};

use super::*;

/// The head of a request of the tenant, with `headers` each ended by CRLF; `host`
/// is a whole line or nothing.
fn head(tenant: &TestTenant, request: &str, host: &str, headers: &str) -> Vec<u8> {
    let (method, path) = request.split_once(' ').unwrap();
    let base = format!("/t/{}/scim/v2", tenant.name());
    let token = tenant.token();
    format!(
        "{method} {base}{path} HTTP/1.1\r\n{host}authorization: Bearer {token}\r\n{headers}\r\n"
    )
    .into_bytes()
}

const HOST: &str = "host: muster.test\r\n";

async fn send(app: &TestApp, bytes: Vec<u8>) -> Option<RawAnswer> {
    exchange(app.address(), [bytes], Duration::ZERO).await
}

/// Sends everything and reads until the service closes or says nothing more.
async fn conversation(app: &TestApp, bytes: &[u8]) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = app.address().trim_start_matches("http://");
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut seen = Vec::new();
    let read = socket.read_to_end(&mut seen);
    let _ = tokio::time::timeout(Duration::from_secs(1), read).await;
    String::from_utf8_lossy(&seen).into_owned()
}

async fn on_sqlite<T: Future<Output = ()>>(test: impl FnOnce(TestApp) -> T) {
    on(Database::Sqlite, json!({}), test).await;
}

/// A request behind the first one, which a reader of other lengths would see as its body.
fn smuggled(tenant: &TestTenant) -> String {
    let body = r#"{"userName":"smuggled"}"#;
    let headers =
        format!("content-type: application/scim+json\r\ncontent-length: {}\r\n", body.len());
    String::from_utf8(head(tenant, "POST /Users", HOST, &headers)).unwrap() + body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_two_lengths_carries_no_second_request() {
    // A71
    on_sqlite(|app| async move {
        let acme = app.new_tenant().await;
        let inner = smuggled(&acme);
        let kind = "content-type: application/scim+json\r\n";
        for (what, headers, body) in [
            (
                "CL and TE",
                "content-length: 5\r\ntransfer-encoding: chunked\r\n",
                format!("0\r\n\r\n{inner}"),
            ),
            (
                "TE and CL",
                "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
                format!("0\r\n\r\n{inner}"),
            ),
            ("two lengths", "content-length: 0\r\ncontent-length: 400\r\n", inner.clone()),
            ("a list of lengths", "content-length: 0, 400\r\n", inner.clone()),
            ("a signed length", "content-length: +0\r\n", inner.clone()),
            ("a length in hex", "content-length: 0x0\r\n", inner.clone()),
            ("a length that is none", "content-length: -1\r\n", inner.clone()),
            ("an unknown coding", "transfer-encoding: xchunked\r\n", format!("0\r\n\r\n{inner}")),
            (
                "chunked, then another",
                "transfer-encoding: chunked, identity\r\n",
                format!("0\r\n\r\n{inner}"),
            ),
            (
                "two codings",
                "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
                format!("0\r\n\r\n{inner}"),
            ),
            (
                "a space before the colon",
                "transfer-encoding : chunked\r\n",
                format!("0\r\n\r\n{inner}"),
            ),
            ("a folded line", "x: a\r\n content-length: 0\r\n", inner.clone()),
            ("NUL in a header", "x: a\0b\r\n", inner.clone()),
            (
                "a size that overflows",
                "transfer-encoding: chunked\r\n",
                format!("10000000000000000\r\n{inner}"),
            ),
            ("a signed size", "transfer-encoding: chunked\r\n", format!("+0\r\n\r\n{inner}")),
            (
                "a line end alone in a chunk",
                "transfer-encoding: chunked\r\n",
                format!("1\na\n0\n\n{inner}"),
            ),
        ] {
            let bytes = head(&acme, "POST /Users", HOST, &format!("{kind}{headers}"));
            let said = conversation(&app, &[bytes, body.into_bytes()].concat()).await;
            let answers = said.matches("HTTP/1.1 ").count();
            assert!(answers <= 1, "{what}: one answer, not {answers}: {said}");
            assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{what}: {said}");
        }
        let listed = acme.request(Method::GET, "/Users").await;
        assert_eq!(listed["totalResults"], 0, "nothing came through: {listed}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_shorter_than_it_says_is_never_read_as_whole() {
    // A18
    on_sqlite(|app| async move {
        let acme = app.new_tenant().await;
        let kind = "content-type: application/scim+json\r\n";
        for (headers, body) in [
            ("content-length: 100\r\n", &br#"{"userName":"a"}"#[..]),
            ("content-length: 16\r\n", br#"{"userName":"a""#),
            ("transfer-encoding: chunked\r\n", b"10\r\n{\"userName\":\"a\"}\r\n"),
        ] {
            let bytes = head(&acme, "POST /Users", HOST, &format!("{kind}{headers}"));
            let address = app.address().trim_start_matches("http://").to_owned();
            let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut socket, &[&bytes, body].concat())
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
            drop(socket);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(acme.request(Method::GET, "/Users").await["totalResults"], 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_million_bytes_of_a_filter_are_not_read() {
    // A4
    on_sqlite(|app| async move {
        let acme = app.new_tenant().await;
        for nest in ["(", "title%20pr%20or%20"] {
            let line = format!("GET /Users?filter={}", nest.repeat(10_000_000 / nest.len()));
            let answer = send(&app, head(&acme, &line, HOST, "")).await;
            assert!(answer.is_none_or(|answer| [414, 431].contains(&answer.status)));
        }
        acme.request(Method::GET, "/Users").await.expect(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_text_are_refused() {
    // A13, A14
    on_sqlite(|app| async move {
        let target = Target::new(&app, Dialect::Generic).await;
        let acme = &target.tenant;
        for bytes in ["%ff", "%c0%af", "%e0%80%af", "%ed%a0%80", "%f5%80%80%80", "%80"] {
            for path in [
                format!("GET /Users/{bytes}"),
                format!("GET /Users?filter=userName%20eq%20%22{bytes}%22"),
                format!("GET /Users?attributes={bytes}"),
                format!("GET /{bytes}"),
                format!("DELETE /Groups/{bytes}"),
            ] {
                let answer = send(&app, head(acme, &path, HOST, "")).await.unwrap();
                assert!([400, 404].contains(&answer.status), "{path}: {answer:?}");
                assert_eq!(answer.body["status"], answer.status.to_string(), "{path}: {answer:?}");
            }
        }
        let mut raw = head(acme, "GET /Users/#", HOST, "");
        let place = raw.iter().position(|byte| *byte == b'#').unwrap();
        raw[place] = 0xff;
        let answer = send(&app, raw).await.unwrap();
        assert!([400, 404].contains(&answer.status), "{answer:?}");
        for (name, value) in [("if-match", &b"\"\xff\""[..]), ("if-none-match", b"W/\"\xc0\xaf\"")]
        {
            let mut bytes = head(acme, &format!("GET {}", target.user.path()), HOST, "");
            bytes.truncate(bytes.len() - 2);
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n\r\n"].concat());
            let answer = send(&app, bytes).await.unwrap();
            assert_eq!(answer.status, 400, "{answer:?}");
        }
        target.is_unharmed().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_location_never_comes_from_the_request() {
    // A74
    on_sqlite(|app| async move {
        let acme = app.new_tenant().await;
        let place = format!("{}/t/{}/", crate::support::PUBLIC_URL, acme.name()).to_lowercase();
        for (number, (host, status)) in [
            ("host: evil.example\r\n", 201),
            ("host: evil.example:1234\r\n", 201),
            ("host: muster.test\r\nx-forwarded-host: evil.example\r\n", 201),
            ("host: \r\n", 201),
            ("", 0),
            ("host: evil.example\r\nhost: muster.test\r\n", 0),
            ("host: evil.example/x?y#z\r\n", 0),
        ]
        .into_iter()
        .enumerate()
        {
            let body = format!(r#"{{"userName":"u{number}"}}"#);
            let headers =
                format!("content-type: application/scim+json\r\ncontent-length: {}\r\n", body.len());
            let bytes = head(&acme, "POST /Users", host, &headers);
            let answer = send(&app, [bytes, body.into_bytes()].concat()).await.unwrap();
            assert!(answer.status == status || (status == 0 && [201, 400].contains(&answer.status)));
            assert!(!answer.head.contains("evil"), "{answer:?}");
            assert!(!answer.body.to_string().contains("evil"), "{answer:?}");
            if answer.status == 201 {
                assert!(answer.head.contains(&format!("location: {place}")), "{answer:?}");
            }
        }
        let absolute = format!(
            "GET http://evil.example/t/{}/scim/v2/Users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
            acme.name(),
            acme.token()
        );
        let answer = send(&app, absolute.into_bytes()).await.unwrap();
        assert!(!answer.body.to_string().contains("evil"), "{answer:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_does_not_wait_for_the_body() {
    // A79
    on_sqlite(|app| async move {
        let acme = app.new_tenant().await;
        let expecting = "content-type: application/scim+json\r\ncontent-length: 1000\r\nexpect: 100-continue\r\n";
        for (tenant, path, status) in [
            (acme.with_token("nobody"), "POST /Users", 401),
            (acme.with_token("nobody"), "POST /Nowhere", 401),
        ] {
            let started = Instant::now();
            let answer = send(&app, head(&tenant, path, HOST, expecting)).await.unwrap();
            assert_eq!(answer.status, status, "{answer:?}");
            assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        }
        let large = expecting.replace("1000", "99999999");
        let answer = send(&app, head(&acme, "POST /Users", HOST, &large)).await.unwrap();
        assert_eq!(answer.status, 413, "{answer:?}");
        let other = expecting.replace("100-continue", "200-ok");
        let answer = send(&app, head(&acme.with_token("x"), "POST /Users", HOST, &other)).await.unwrap();
        assert!([401, 417].contains(&answer.status), "{answer:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn methods_that_are_none_do_nothing() {
    // A78
    on_sqlite(|app| async move {
        let target = Target::new(&app, Dialect::Generic).await;
        for method in ["TRACE", "TRACK", "BREW", "PROPFIND", "get", "DEBUG", "PURGE", "OPTIONS"] {
            for path in ["/Users".to_owned(), target.user.path(), "/.search".to_owned()] {
                let line = format!("{method} {path}");
                let answer =
                    send(&app, head(&target.tenant, &line, HOST, "x-echo: canary\r\n")).await;
                let answer = answer.unwrap();
                assert!([400, 405, 501].contains(&answer.status), "{line}: {answer:?}");
                assert!(!answer.body.to_string().contains("canary"), "{line}: {answer:?}");
                assert!(!answer.head.contains("canary"), "{line}: {answer:?}");
            }
        }
        let tunnel = b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n".to_vec();
        let answer = send(&app, tunnel).await.unwrap();
        assert!((400..600).contains(&answer.status), "{answer:?}");
        target.is_unharmed().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_of_another_origin_reads_an_answer_and_nobody_keeps_one() {
    // A76, A77, A80
    on_sqlite(|app| async move {
        let target = Target::new(&app, Dialect::Generic).await;
        let other = app.new_tenant().await;
        let user = target.user.path();
        for (tenant, line, extra) in [
            (&target.tenant, format!("GET {user}"), ""),
            (&target.tenant, "GET /Users/".to_owned(), ""),
            (&target.tenant, "GET /Users".to_owned(), ""),
            (&target.tenant, "GET /ServiceProviderConfig".to_owned(), ""),
            (&target.tenant, "GET /Me".to_owned(), ""),
            (&target.tenant, "GET".to_owned() + " ", ""),
            (
                &target.tenant,
                "OPTIONS /Users".to_owned(),
                "access-control-request-method: DELETE\r\n",
            ),
            (&other, format!("GET {user}"), "if-none-match: W/\"1\"\r\n"),
            (&other, format!("GET {user}"), "if-none-match: *\r\n"),
        ] {
            for origin in ["https://evil.example", "null", crate::support::PUBLIC_URL] {
                let headers = format!("origin: {origin}\r\n{extra}");
                let answer = send(&app, head(tenant, &line, HOST, &headers)).await.unwrap();
                assert!(!answer.head.contains("access-control"), "{line}: {answer:?}");
                assert!(!(300..400).contains(&answer.status), "{line}: {answer:?}");
                if line.contains("/Users") {
                    assert!(answer.head.contains("cache-control: no-store"), "{line}: {answer:?}");
                }
                if std::ptr::eq(tenant, &other) {
                    assert_eq!(answer.status, 404, "{line}: {answer:?}");
                }
            }
        }
    })
    .await;
}
