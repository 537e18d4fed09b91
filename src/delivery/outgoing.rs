//! The one client that speaks to addresses which tenants configure.
//!
//! It follows no redirect, keeps no cookie, uses no proxy, and reads no more of
//! an answer than it needs: the other side is not trusted. Addresses are checked
//! when a connection is made, and the connection goes to an address that was
//! checked; see [`ReceiverRules`].

use std::{error::Error, fmt, net::IpAddr, sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderValue, Method,
    header::{ACCEPT, HeaderName},
};
use reqwest::{Client, Url, redirect::Policy};
use serde_json::Value;

use super::resolver::{Lookup, NoAddress, Resolver, System};
use crate::tenant::receiver_url::ReceiverRules;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For a whole request, from connecting to the last byte read.
pub(super) const TOTAL_TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of an answer that are read unless a [`Call`] wants more.
pub(super) const MAX_ANSWER: usize = 4096;
/// Bytes of a document.
const MAX_DOCUMENT: usize = 64 * 1024;
const MAX_HEADERS: usize = 64;
const MAX_HEADER_BYTES: u32 = 16 * 1024;
const USER_AGENT: &str = concat!("muster/", env!("CARGO_PKG_VERSION"));

/// Sends requests to receivers, within the rules for addresses.
#[derive(Clone)]
pub struct OutgoingClient {
    https: Client,
    /// For what is not encrypted; it goes only where that is allowed.
    http: Client,
    rules: Arc<ReceiverRules>,
    lookup: Arc<dyn Lookup>,
}

/// Why no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutgoingError {
    /// We may not connect there.
    #[error("the address is refused: {0}")]
    Refused(&'static str),
    /// The name leads to no address to which we may connect; it may again.
    #[error("the name leads to no address that is allowed")]
    NoAddress,
    /// No connection, or no trusted one.
    #[error("could not connect")]
    Connect,
    /// The time was up.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke.
    #[error("the connection broke")]
    Broken,
    /// The client itself could not be made.
    #[error("the outgoing client could not be set up")]
    Setup,
}

/// A request to a receiver.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
    /// At most so long, from connecting to the last byte read.
    pub(super) patience: Duration,
    /// Bytes of the answer that are read.
    pub(super) room: usize,
}

/// What a receiver answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// The first bytes, as many as the call has room for.
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// A header's text.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl fmt::Debug for OutgoingClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingClient").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl OutgoingClient {
    /// A client that connects where `rules` allow.
    ///
    /// # Errors
    ///
    /// [`OutgoingError::Setup`] if the system has no certificates to trust.
    pub fn new(rules: ReceiverRules) -> Result<Self, OutgoingError> {
        Self::resolving(rules, System)
    }

    /// A client that finds addresses with `lookup`.
    pub(super) fn resolving(
        rules: ReceiverRules,
        lookup: impl Lookup + Clone,
    ) -> Result<Self, OutgoingError> {
        let rules = Arc::new(rules);
        let own: Arc<dyn Lookup> = Arc::new(lookup.clone());
        let https = client(Resolver::new(Arc::clone(&rules), lookup.clone()))?;
        let http = client(Resolver::plain(Arc::clone(&rules), lookup))?;
        Ok(Self { https, http, rules, lookup: own })
    }

    /// Addresses in the URL itself are checked here; no resolver is asked for them.
    fn allowed(&self, url: &str) -> Result<Url, OutgoingError> {
        self.rules.check_store(url).map_err(OutgoingError::Refused)
    }

    /// Where a NATS server is that may be connected to: the URL, with an address
    /// that was checked in place of the name if no certificate has to match it.
    pub(super) async fn bus(&self, url: &str) -> Result<Url, OutgoingError> {
        let mut url = self.rules.check_bus(url).map_err(OutgoingError::Refused)?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let found = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => self.lookup.lookup(host).await.map_err(|_| OutgoingError::Connect)?,
        };
        let is_encrypted = url.scheme() == "tls";
        let is_allowed = |address: &IpAddr| match is_encrypted {
            true => self.rules.allows(*address),
            false => self.rules.is_near(*address),
        };
        let address = found.into_iter().find(is_allowed).ok_or(OutgoingError::NoAddress)?;
        // An encrypted connection says nothing before the server has proved its name,
        // so a name that changes its meaning now leads nowhere.
        if !is_encrypted {
            let host = match address {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("[{address}]"),
            };
            url.set_host(Some(&host)).map_err(|_| OutgoingError::NoAddress)?;
        }
        Ok(url)
    }

    /// Posts `body` and reads the start of the answer.
    pub(super) async fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        body: String,
    ) -> Result<Answer, OutgoingError> {
        self.request(Call {
            method: Method::POST,
            url: url.to_owned(),
            headers,
            body,
            patience: TOTAL_TIMEOUT,
            room: MAX_ANSWER,
        })
        .await
    }

    /// Reads a JSON document, such as a key set.
    ///
    /// # Errors
    ///
    /// Why there is none, in words.
    pub async fn document(&self, url: &str) -> Result<Value, String> {
        let call = Call {
            method: Method::GET,
            url: url.to_owned(),
            headers: HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]),
            body: String::new(),
            patience: TOTAL_TIMEOUT,
            room: MAX_DOCUMENT,
        };
        let answer = self.request(call).await.map_err(|error| error.to_string())?;
        if answer.status != 200 {
            return Err(format!("the answer was {}", answer.status));
        }
        let wrong = |_| format!("no JSON of at most {MAX_DOCUMENT} bytes");
        serde_json::from_slice(&answer.body).map_err(wrong)
    }

    /// Makes a request and reads the start of the answer.
    pub(super) async fn request(&self, call: Call) -> Result<Answer, OutgoingError> {
        let url = self.allowed(&call.url)?;
        let client = if url.scheme() == "https" { &self.https } else { &self.http };
        let mut request =
            client.request(call.method, url).headers(call.headers).timeout(call.patience);
        // A GET with an empty body would still have a length.
        if !call.body.is_empty() {
            request = request.body(call.body);
        }
        let mut response = request.send().await.map_err(|error| fault(&error))?;
        let mut answer = Answer {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body: Vec::new(),
        };
        // The status is what counts: a body that breaks off changes nothing.
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = call.room - answer.body.len();
            answer.body.extend(chunk.iter().take(room));
            if answer.body.len() == call.room {
                break;
            }
        }
        Ok(answer)
    }
}

fn client(resolver: Resolver<impl Lookup>) -> Result<Client, OutgoingError> {
    Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .dns_resolver(resolver)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TOTAL_TIMEOUT)
        .http1_max_headers(MAX_HEADERS)
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .build()
        .map_err(|_| OutgoingError::Setup)
}

fn fault(error: &reqwest::Error) -> OutgoingError {
    if error.is_timeout() {
        OutgoingError::Timeout
    } else if is_caused_by_address(error) {
        OutgoingError::NoAddress
    } else if error.is_connect() {
        OutgoingError::Connect
    } else {
        OutgoingError::Broken
    }
}

fn is_caused_by_address(error: &reqwest::Error) -> bool {
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<NoAddress>() {
            return true;
        }
        cause = error.source();
    }
    false
}
