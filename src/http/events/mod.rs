//! What receivers of events use: a tenant's public keys and metadata, tokens, the
//! management of streams (SSF 1.0 §8), and polling (RFC 8936).

mod answer;
mod fence;
mod form;
mod revocation;
mod sign_in;
mod stream;
mod token;

use poem::{
    Request, Response,
    http::{Method, StatusCode},
};
use serde_json::{Value, json};
use uuid::Uuid;

use self::answer::{Failure, method_not_allowed, no_tenant, public, respond};
use super::{
    auth::{Authenticator, require_any},
    payload::read_body,
};
use crate::{
    delivery::{
        poll::{PollError, PollRequest, Poller},
        push::STREAM_SEQ,
    },
    provision::{Fence, GlobalRevocation, REVOCATION_PATH, SignIn, ssf::Transmitter},
    store::{Store, StoreError},
    tenant::{Scope, StreamId},
};

/// How long a receiver may keep a key set or metadata, in seconds.
const KEPT_S: u32 = 900;
/// Largest poll request: a thousand acknowledgements and some errors.
const POLL_BYTES: usize = 256 * 1024;

/// The endpoints of a tenant's events.
pub(super) struct Events {
    store: Store,
    authenticator: Authenticator,
    transmitter: Transmitter,
    poller: Poller,
    fence: Fence,
    revocation: GlobalRevocation,
    sign_in: SignIn,
}

impl Events {
    pub(super) fn new(
        store: Store,
        authenticator: Authenticator,
        transmitter: Transmitter,
        poller: Poller,
        (fence, revocation): (Fence, GlobalRevocation),
    ) -> Self {
        let sign_in = SignIn::new(store.clone());
        Self { store, authenticator, transmitter, poller, fence, revocation, sign_in }
    }

    /// Answers a request of `tenant` whose path below it is `path`; nothing if
    /// there is no such endpoint.
    pub(super) async fn answer(
        &self,
        request: Request,
        tenant: &str,
        path: &str,
    ) -> Option<Response> {
        match path {
            "/jwks.json" => Some(match is_read(&request) {
                true => published(self.keys(tenant).await),
                false => method_not_allowed("GET, HEAD"),
            }),
            "/access" => Some(self.access(&request, tenant).await),
            "/fence" => Some(self.fence(&request, tenant).await),
            REVOCATION_PATH => Some(self.revocation(request, tenant).await),
            "/oauth/token" => Some(self.token(request, tenant).await),
            _ => {
                let path = path.strip_prefix("/ssf")?;
                let Some(stream) = path.strip_prefix("/poll/") else {
                    return self.manage(request, tenant, path).await;
                };
                let stream = Uuid::parse_str(stream).ok().map(StreamId);
                Some(match *request.method() {
                    Method::POST => {
                        let answer = self.poll(request, tenant, stream).await;
                        answer.unwrap_or_else(Failure::into_response)
                    }
                    _ => method_not_allowed("POST"),
                })
            }
        }
    }

    /// Answers a request for what lies below `/.well-known`; nothing if there is
    /// no such document. The tenant's issuer has a path, which stands behind the
    /// name of the document (SSF 1.0 §7.2.1, RFC 8414 §3.1, RFC 9728 §3.1).
    pub(super) async fn well_known(&self, request: &Request, path: &str) -> Option<Response> {
        let (document, tenant) = path.split_once("/t/")?;
        let metadata = match document {
            "ssf-configuration" => self.transmitter.ssf_configuration(tenant).await,
            "oauth-authorization-server" => self.transmitter.authorization_server(tenant).await,
            "oauth-protected-resource" => {
                self.transmitter.protected_resource(tenant.strip_suffix("/ssf")?).await
            }
            _ => return None,
        };
        Some(match is_read(request) {
            true => published(metadata),
            false => method_not_allowed("GET, HEAD"),
        })
    }

    async fn keys(&self, tenant: &str) -> Result<Option<Value>, StoreError> {
        let Some(row) = self.store.tenant_named(tenant).await? else { return Ok(None) };
        Ok(Some(json!({ "keys": self.store.public_keys(row.id).await? })))
    }

    async fn poll(
        &self,
        mut request: Request,
        tenant: &str,
        stream: Option<StreamId>,
    ) -> Result<Response, Failure> {
        let caller = self.authenticator.event_caller(&request, tenant).await?;
        require_any(&caller, &[Scope::Poll, Scope::SsfManage, Scope::SsfRead])?;
        let body = read_body(request.take_body(), POLL_BYTES).await?;
        let asked = PollRequest::parse(&body)?;
        let stream = stream.ok_or(PollError::UnknownStream)?;
        if let Some(receiver) = caller.receiver {
            self.transmitter.note_activity(caller.tenant, receiver, stream).await?;
        }
        let answer = self.poller.poll(&caller, stream, &asked).await?;
        let mut response = respond(StatusCode::OK, &answer.to_json());
        if let Some(seq) = answer.last_seq() {
            response.headers_mut().insert(STREAM_SEQ, seq.into());
        }
        Ok(response)
    }
}

fn is_read(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
}

/// What a tenant shows to everybody.
fn published(document: Result<Option<Value>, StoreError>) -> Response {
    match document {
        Ok(Some(document)) => public(&document, KEPT_S),
        Ok(None) => no_tenant(),
        Err(error) => Failure::from(error).into_response(),
    }
}
