//! Clients that send what no library would, too much of it, or too slowly.
//!
//! These are about sockets and parsers and not about what is stored, so they run
//! on SQLite alone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Database, Home, Process, RawAnswer, TestApp, TestTenant, exchange, on};

const QUICK: Duration = Duration::from_millis(50);
const MEBIBYTE: usize = 1024 * 1024;

/// The head of a request of the tenant, with `headers` each ended by CRLF.
fn head(tenant: &TestTenant, request: &str, headers: &str, with_token: bool) -> Vec<u8> {
    let token = match with_token {
        true => format!("authorization: Bearer {}\r\n", tenant.token()),
        false => String::new(),
    };
    let (method, path) = request.split_once(' ').unwrap();
    let base = format!("/t/{}/scim/v2", tenant.name());
    format!("{method} {base}{path} HTTP/1.1\r\nhost: muster.test\r\n{token}{headers}\r\n")
        .into_bytes()
}

/// A creation of a user with `body`.
fn creation(tenant: &TestTenant, headers: &str, body: &[u8], with_token: bool) -> Vec<u8> {
    let headers = format!(
        "content-type: application/scim+json\r\ncontent-length: {}\r\n{headers}",
        body.len()
    );
    [head(tenant, "POST /Users", &headers, with_token), body.to_vec()].concat()
}

async fn send(app: &TestApp, bytes: Vec<u8>) -> RawAnswer {
    exchange(app.address(), [bytes], Duration::ZERO).await.expect("an answer")
}

/// Demands one of `statuses`, and a SCIM error body unless the request never
/// came as far as that.
#[track_caller]
fn assert_refused(answer: &RawAnswer, statuses: &[u16]) {
    assert!(statuses.contains(&answer.status), "not one of {statuses:?}: {answer:?}");
    let by_the_parser = [431, 414].contains(&answer.status) || answer.body == Value::Null;
    if !by_the_parser {
        assert_eq!(answer.body["status"], answer.status.to_string(), "{answer:?}");
    }
}

async fn still_answers(tenant: &TestTenant) {
    tenant.request(Method::GET, "/Users").await.expect(200);
}

/// Demands a refusal that costs next to nothing: the best of some attempts,
/// because others use the machine too.
async fn refused_quickly(
    app: &TestApp,
    tenant: &TestTenant,
    what: &str,
    request: &[u8],
    statuses: &[u16],
) {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let started = Instant::now();
        assert_refused(&send(app, request.to_vec()).await, statuses);
        best = best.min(started.elapsed());
    }
    assert!(best < QUICK, "{what}: {best:?}");
    still_answers(tenant).await;
}

async fn on_sqlite<T: Future<Output = ()>>(test: impl FnOnce(TestApp) -> T) {
    on(Database::Sqlite, json!({}), test).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nesting_without_end_is_refused_at_once() {
    // A1, A2
    on_sqlite(|app| async move {
        let acme = app.new_tenant().await;
        for nest in ["(", "not%20(", "emails[", "title%20pr%20and%20("] {
            for (count, statuses) in [(100_000, &[414, 431][..]), (8_000 / nest.len(), &[400])] {
                let line = format!("GET /Users?filter={}", nest.repeat(count));
                let with = head(&acme, &line, "", true);
                refused_quickly(&app, &acme, nest, &with, statuses).await;
                let without = head(&acme, &line, "", false);
                let statuses = if count == 100_000 { statuses } else { &[401] };
                refused_quickly(&app, &acme, nest, &without, statuses).await;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deep_body_is_refused_at_once() {
    // A7
    on_sqlite(|app| async move {
        let acme = app.new_tenant().await;
        let user = acme.create("Users", json!({ "userName": "bjensen" })).await;
        for bomb in [
            "[".repeat(100_000),
            format!("{{\"a\":{}", "[".repeat(100_000)),
            "{\"a\":".repeat(100_000),
            format!("{{\"emails\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000)),
        ] {
            let with = creation(&acme, "", bomb.as_bytes(), true);
            refused_quickly(&app, &acme, "a body", &with, &[400]).await;
            let without = creation(&acme, "", bomb.as_bytes(), false);
            refused_quickly(&app, &acme, "a body", &without, &[401]).await;
            let headers =
                format!("content-type: application/json\r\ncontent-length: {}\r\n", bomb.len());
            let mut patch = head(&acme, &format!("PATCH {}", user.path()), &headers, true);
            patch.extend_from_slice(bomb.as_bytes());
            refused_quickly(&app, &acme, "a patch", &patch, &[400]).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_body_is_refused_before_it_is_sent_or_cut_off() {
    // A18, R434
    on_sqlite(|app| async move {
        let acme = app.new_tenant().await;
        let kind = "content-type: application/scim+json\r\n";

        let length = format!("{kind}content-length: {}\r\n", 64 * MEBIBYTE);
        let announced = head(&acme, "POST /Users", &length, true);
        let answer = send(&app, announced).await;
        assert_refused(&answer, &[413]);
        assert_eq!(
            answer.body["detail"],
            "the body is larger than 8388608 bytes, which is `maxPayloadSize`"
        );

        // Whoever has no token learns that, not the limit.
        let unknown = head(&acme, "POST /Users", &length, false);
        assert_refused(&send(&app, unknown).await, &[401]);

        let chunked = format!("{kind}transfer-encoding: chunked\r\n");
        let chunk = [b"100000\r\n".as_slice(), &vec![b' '; MEBIBYTE], b"\r\n"].concat();
        let parts = [head(&acme, "POST /Users", &chunked, true)];
        let parts = parts.into_iter().chain((0..64).map(|_| chunk.clone()));
        let answer = exchange(app.address(), parts, Duration::ZERO).await.expect("an answer");
        assert_refused(&answer, &[413]);
        assert_eq!(
            answer.body["detail"],
            "the body is larger than 8388608 bytes, which is `maxPayloadSize`"
        );
        still_answers(&acme).await;
    })
    .await;
}

/// What is sent, and the statuses that are right for it.
type Case<'c> = (&'c str, Vec<u8>, &'c [u16]);

async fn check_malformed(app: &TestApp, tenant: &TestTenant, cases: Vec<Case<'_>>) {
    for (what, request, statuses) in cases {
        let answer = exchange(app.address(), [request], Duration::ZERO).await;
        let answer = answer.unwrap_or_else(|| panic!("{what}: no answer"));
        assert!(statuses.contains(&answer.status), "{what}: {answer:?}");
        assert!(!answer.head.contains("\ninjected"), "{what}: {answer:?}");
        still_answers(tenant).await;
    }
    let listed = tenant.request(Method::GET, "/Users").await;
    assert_eq!(listed["totalResults"], 0, "nothing was created: {listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_heads_are_refused() {
    // A12, A13, A73, A75
    on_sqlite(|app| async move {
        let acme = app.new_tenant().await;
        let many = |count: usize| -> String {
            (0..count).map(|number| format!("x-{number}: 1\r\n")).collect()
        };
        let get = |path: &str, headers: &str| head(&acme, &format!("GET {path}"), headers, true);
        let mut latin = get("/Users", "x-name: Z#rich\r\n");
        let place = latin.iter().position(|byte| *byte == b'#').unwrap();
        latin[place] = 0xfc;
        let cases: Vec<Case<'_>> = vec![
            ("65 headers", get("/Users", &many(65)), &[431]),
            (
                "100,000 bytes of header",
                get("/Users", &format!("x: {}\r\n", "y".repeat(100_000))),
                &[431],
            ),
            ("NUL in the path", get("/Users/\0", ""), &[400]),
            ("NUL in a header", get("/Users", "x: \0\r\n"), &[400]),
            ("an encoded NUL in the path", get("/Users/%00", ""), &[404, 400]),
            ("an encoded NUL in a filter", get("/Users?filter=title%20eq%20%22%00%22", ""), &[400]),
            ("bytes that are not UTF-8 in a query", get("/Users?filter=%ff", ""), &[400]),
            ("bytes that are not UTF-8 in a path", get("/Users/%ff", ""), &[404, 400]),
            ("encoded line ends in a path", get("/Users/a%0d%0ainjected:%20b", ""), &[404]),
            (
                "encoded line ends in a parameter",
                get("/Users?attributes=a%0d%0ainjected:%20b&count=x%0d%0a", ""),
                &[200, 400],
            ),
            ("a space in a header's name", get("/Users", "x : 1\r\n"), &[400]),
            ("no header's name", get("/Users", ": 1\r\n"), &[400]),
            ("a line end alone", get("/Users", "x: 1\ninjected: 2\r\n"), &[200, 400]),
            ("a raw quote", get("/Users?filter=userName%20eq%20\"x\"", ""), &[400]),
            ("another method", head(&acme, "BREW /Users", "", true), &[405]),
            ("a version of HTTP that is none", b"GET / HTTP/3.9\r\n\r\n".to_vec(), &[400]),
            ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), &[400]),
            ("60 headers", get("/Users", &many(60)), &[200]),
            ("a header that nobody reads with any byte", latin, &[200]),
        ];
        check_malformed(&app, &acme, cases).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_bodies_are_refused() {
    // A8, A12, A13, A14, A16, A17, A19, R3, R155, R446
    on_sqlite(|app| async move {
        let acme = app.new_tenant().await;
        let post = |headers: &str, body: &[u8]| creation(&acme, headers, body, true);
        let user = br#"{"userName":"x"}"#;
        let gzip: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 4, 0];
        let cases: Vec<Case<'_>> = vec![
            ("two lengths", post("content-length: 3\r\n", user), &[400]),
            ("NUL in a string", post("", br#"{"userName":"a\u0000b"}"#), &[400]),
            ("raw NUL in a string", post("", b"{\"userName\":\"a\0b\"}"), &[400]),
            ("raw NULs", post("", &[0; 64]), &[400]),
            ("a body that is not UTF-8", post("", b"{\"userName\":\"\xff\xfe\"}"), &[400]),
            ("half a surrogate", post("", br#"{"userName":"\ud800"}"#), &[400]),
            ("a key twice", post("", br#"{"userName":"a","userName":"b"}"#), &[400]),
            ("a key in two cases", post("", br#"{"userName":"a","USERNAME":"b"}"#), &[400]),
            ("trailing text", post("", br#"{"userName":"a"}x"#), &[400]),
            ("a second document", post("", br#"{"userName":"a"}{"userName":"b"}"#), &[400]),
            ("a comment", post("", br#"{"userName":"a"/**/}"#), &[400]),
            ("an empty body", post("", b""), &[400]),
            ("compressed bytes", post("content-encoding: gzip\r\n", gzip), &[415]),
            (
                "bytes that are said to be compressed",
                post("content-encoding: gzip\r\n", user),
                &[415],
            ),
        ];
        check_malformed(&app, &acme, cases).await;
    })
    .await;
}

/// Half a minute, so everything that is slow is done at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_client_is_cut_off() {
    // A70
    on_sqlite(|app| async move {
        let acme = app.new_tenant().await;
        let one_by_one = |text: &[u8]| text.iter().map(|byte| vec![*byte]).collect::<Vec<_>>();
        let second = Duration::from_secs(1);
        let half = b"GET /t/x/scim/v2/Users HTTP/1.1\r\nhost: x\r\nauthor".to_vec();
        let dripping = one_by_one(&"x-slow: header\r\n".repeat(5).into_bytes());
        let started = head(&acme, "GET /Users", "", true);
        let started = started[..started.len() - 2].to_vec();
        let body = one_by_one(format!("{{\"userName\":\"{}\"}}", "x".repeat(100)).as_bytes());
        let length = "content-type: application/scim+json\r\ncontent-length: 115\r\n";
        let begun = head(&acme, "POST /Users", length, true);

        let timed = async |parts: Vec<Vec<u8>>| {
            let started = Instant::now();
            let answer = exchange(app.address(), parts, second).await;
            (answer, started.elapsed().as_secs_f64())
        };
        let (silence, half, drip, body) = tokio::join!(
            timed(vec![]),
            timed(vec![half]),
            timed([vec![started], dripping].concat()),
            timed([vec![begun], body].concat()),
        );

        for (what, (answer, seconds)) in [("silence", silence), ("half", half), ("drip", drip)] {
            assert!(answer.is_none_or(|answer| answer.status == 408), "{what}");
            assert!((9.0..13.0).contains(&seconds), "{what}: {seconds} s");
        }
        let (answer, seconds) = body;
        assert_refused(&answer.expect("an answer"), &[408]);
        assert!((29.0..33.0).contains(&seconds), "{seconds} s");
        still_answers(&acme).await;
        let listed = acme.request(Method::GET, "/Users").await;
        assert_eq!(listed["totalResults"], 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_breaks_no_promise() {
    let home = Home::new(Database::Sqlite).await.unwrap();
    let token = home.make_acme().await;
    let process = Process::start(&home).await;

    let stopping = Arc::new(AtomicBool::new(false));
    let load = async |client: usize, url: String| {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut created = vec![];
        for number in 0.. {
            let name = format!("u{client}-{number}");
            let request = http.post(format!("{url}/Users")).bearer_auth(&token);
            let request = request.header("content-type", "application/json");
            match request.body(json!({ "userName": name }).to_string()).send().await {
                Ok(answer) => {
                    assert_eq!(answer.status(), 201);
                    created.push(name);
                }
                Err(error) => {
                    assert!(stopping.load(Ordering::SeqCst), "{error:?}");
                    break;
                }
            }
        }
        created
    };
    let url = format!("{}/t/acme/scim/v2", process.address());
    let stop = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        stopping.store(true, Ordering::SeqCst);
        process.terminate().await
    };
    let (created, (status, took)) =
        tokio::join!(join_all((0..8).map(|client| load(client, url.clone()))), stop);

    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    let created: Vec<String> = created.into_iter().flatten().collect();
    assert!(!created.is_empty());
    let process = Process::start(&home).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for name in &created {
        let url = format!(
            "{}/t/acme/scim/v2/Users?filter=userName%20eq%20%22{name}%22",
            process.address()
        );
        let answer = http.get(url).bearer_auth(&token).send().await.unwrap();
        let list: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(list["totalResults"], 1, "{name} was answered and is gone");
    }
    drop(process);
    home.remove().await;
}
