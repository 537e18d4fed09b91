//! Management of streams by their receivers (SSF 1.0 §8.1).

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use poem::{
    Request, Response,
    http::{Method, StatusCode},
};
use uuid::Uuid;

use super::{
    Events,
    answer::{Failure, empty, method_not_allowed, respond},
};
use crate::{
    http::{auth::require_any, payload::read_body},
    provision::ssf::{Managed, Unmentioned},
    tenant::{Scope, StreamId},
};

/// Largest body of a request.
const BODY_BYTES: usize = 64 * 1024;

const READ: &[Scope] = &[Scope::SsfRead, Scope::SsfManage];
const MANAGE: &[Scope] = &[Scope::SsfManage];

impl Events {
    /// Answers a request below `/ssf`; nothing if there is no such endpoint.
    pub(super) async fn manage(
        &self,
        request: Request,
        tenant: &str,
        path: &str,
    ) -> Option<Response> {
        let allowed = match path {
            "/stream" => "GET, POST, PATCH, PUT, DELETE",
            "/status" => "GET, POST",
            "/subjects:add" | "/subjects:remove" | "/verify" => "POST",
            _ => return None,
        };
        if !allowed.split(", ").any(|method| method == request.method().as_str()) {
            return Some(method_not_allowed(allowed));
        }
        let answer = match path {
            "/stream" => self.stream(request, tenant).await,
            "/status" => self.status(request, tenant).await,
            "/verify" => self.verify(request, tenant).await,
            _ => self.subjects(request, tenant, path == "/subjects:add").await,
        };
        Some(answer.unwrap_or_else(Failure::into_response))
    }

    async fn stream(&self, mut request: Request, tenant: &str) -> Result<Response, Failure> {
        let by = self.receiver(&request, tenant).await?;
        let transmitter = &self.transmitter;
        match request.method().clone() {
            Method::GET => Ok(respond(
                StatusCode::OK,
                &match asked(&request) {
                    Some(id) => transmitter.read_stream(by, id).await?,
                    None => transmitter.read_streams(by).await?,
                },
            )),
            Method::DELETE => {
                transmitter.delete_stream(by, required(&request)?).await?;
                Ok(empty(StatusCode::NO_CONTENT))
            }
            Method::POST => {
                let made = transmitter.create_stream(by, &body(&mut request).await?).await?;
                Ok(respond(StatusCode::CREATED, &made))
            }
            method => {
                let unmentioned = match method {
                    Method::PUT => Unmentioned::Goes,
                    _ => Unmentioned::Stays,
                };
                let body = body(&mut request).await?;
                let stream = transmitter.configure_stream(by, &body, unmentioned).await?;
                Ok(respond(StatusCode::OK, &stream))
            }
        }
    }

    async fn status(&self, mut request: Request, tenant: &str) -> Result<Response, Failure> {
        let by = self.receiver(&request, tenant).await?;
        let status = match *request.method() {
            Method::GET => self.transmitter.read_status(by, required(&request)?).await?,
            _ => self.transmitter.set_status(by, &body(&mut request).await?).await?,
        };
        Ok(respond(StatusCode::OK, &status))
    }

    async fn verify(&self, mut request: Request, tenant: &str) -> Result<Response, Failure> {
        let by = self.receiver(&request, tenant).await?;
        self.transmitter.verify(by, &body(&mut request).await?).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    async fn subjects(
        &self,
        mut request: Request,
        tenant: &str,
        adds: bool,
    ) -> Result<Response, Failure> {
        let by = self.receiver(&request, tenant).await?;
        let body = body(&mut request).await?;
        match adds {
            true => {
                self.transmitter.add_subject(by, &body).await?;
                Ok(empty(StatusCode::OK))
            }
            false => {
                self.transmitter.remove_subject(by, &body).await?;
                Ok(empty(StatusCode::NO_CONTENT))
            }
        }
    }

    /// The receiver that asks, if its token allows what it asks. Only a receiver has
    /// streams to manage.
    async fn receiver(&self, request: &Request, tenant: &str) -> Result<Managed, Failure> {
        let caller = self.authenticator.event_caller(request, tenant).await?;
        let scopes = if *request.method() == Method::GET { READ } else { MANAGE };
        require_any(&caller, scopes)?;
        let receiver = caller.receiver.ok_or_else(|| {
            Failure::new(StatusCode::FORBIDDEN, "access_denied", "the token is no receiver's")
        })?;
        let tenant_name = caller.tenant_name.clone();
        Ok(Managed { tenant: caller.tenant, tenant_name, receiver })
    }
}

async fn body(request: &mut Request) -> Result<Bytes, Failure> {
    Ok(read_body(request.take_body(), BODY_BYTES).await?)
}

/// The stream that the query names, if it names one; none inside if no stream has
/// such an id.
fn asked(request: &Request) -> Option<Option<StreamId>> {
    let pairs = request.uri().query()?.split('&');
    let id = pairs.filter_map(|pair| pair.strip_prefix("stream_id=")).next()?;
    let id = percent_decode_str(id).decode_utf8().ok();
    Some(id.and_then(|id| Uuid::parse_str(&id).ok()).map(StreamId))
}

fn required(request: &Request) -> Result<Option<StreamId>, Failure> {
    asked(request).ok_or_else(|| Failure::invalid("the query must have `stream_id`"))
}
