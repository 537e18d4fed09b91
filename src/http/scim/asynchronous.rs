//! Requests that are answered before they are done (RFC 9967 §2.5.1, RFC 7240).
//!
//! [`accept`] stands in front of the routes: any change of a resource and any bulk
//! request may be asked for with `Prefer: respond-async`.

use std::{sync::Arc, time::Duration};

use percent_encoding::percent_decode_str;
use poem::{
    IntoResponse, Request, RequestBody, Response,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    web::Data,
};
use poem_openapi::{ApiExtractor, ApiResponse, ExtractParamOptions, OpenApi, param::Path};

use super::{
    caller::BearerCaller,
    describe::{BulkRequest, BulkResponse},
    places::Place,
    resources::Shape,
};
use crate::{
    http::{
        error::{ScimFailure, scim_response},
        payload::{SCIM_JSON, ScimJson},
    },
    provision::{Access, AsyncRequest, Asynchronous, Finished, Mode},
    scim::{ScimError, bulk::Done, message, resource::Preconditions},
    tenant::Caller,
};

/// Longest a client can have us wait: less than the time that a request may take.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Seconds after which to look again for a result.
const LOOK_AGAIN: u64 = 1;

/// What a request prefers (RFC 7240 §4.1, §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prefer {
    /// How long it waits for the answer; no time at all if it does not say.
    wait: Duration,
}

impl Prefer {
    /// What the headers prefer, if it is to be answered before it is done.
    ///
    /// Of a preference that is given twice the first counts; what cannot be read is
    /// ignored (RFC 7240 §2).
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all("prefer").iter().filter_map(|line| line.to_str().ok());
        let (mut is_async, mut wait) = (false, None);
        for preference in lines.flat_map(|line| line.split(',')) {
            let preference = preference.split(';').next().unwrap_or_default();
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "respond-async" => is_async = true,
                "wait" => {
                    let seconds = value.trim().trim_matches('"').parse().ok();
                    wait = wait.or(seconds.map(Duration::from_secs));
                }
                _ => {}
            }
        }
        is_async.then(|| Self { wait: wait.unwrap_or_default().min(LONGEST_WAIT) })
    }
}

/// What a request can be asked to do later.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Bulk,
    Resource { endpoint: String, id: Option<String> },
}

impl Target {
    /// What a method at a place does, if it is a change.
    fn of(method: &Method, place: &Place, caller: &Caller) -> Option<Self> {
        if place.path == "/Bulk" {
            return (*method == Method::POST).then_some(Self::Bulk);
        }
        let (name, id) = match place.path.trim_start_matches('/').split_once('/') {
            Some((name, id)) => (name, Some(id)),
            None => (place.path.trim_start_matches('/'), None),
        };
        let endpoint = format!("/{name}");
        caller.registry.by_endpoint(&endpoint)?;
        let is_change = match id {
            None => *method == Method::POST,
            Some(_) => matches!(*method, Method::PUT | Method::PATCH | Method::DELETE),
        };
        let decoded = |id: &str| percent_decode_str(id).decode_utf8_lossy().into_owned();
        is_change.then(|| Self::Resource { endpoint, id: id.map(decoded) })
    }
}

/// Accepts a change that is to be done later; gives any other request back.
pub(super) async fn accept(
    asynchronous: &Asynchronous,
    request: Request,
    place: &Place,
) -> Result<Response, Request> {
    let Some(prefer) = Prefer::read(request.headers()) else { return Err(request) };
    let Some(caller) = request.data::<Arc<Caller>>().cloned() else { return Err(request) };
    match Target::of(request.method(), place, &caller) {
        Some(target) => Ok(Acceptance { asynchronous, caller, target, prefer }
            .answer(request)
            .await
            .unwrap_or_else(scim_response)),
        None => Err(request),
    }
}

struct Acceptance<'a> {
    asynchronous: &'a Asynchronous,
    caller: Arc<Caller>,
    target: Target,
    prefer: Prefer,
}

impl Acceptance<'_> {
    async fn answer(self, request: Request) -> poem::Result<Response> {
        let (request, mut body) = request.split();
        let wanted = self.read(&request, &mut body).await?;
        let refuse = |error| poem::Error::from(ScimFailure::from(error));
        let id = self.asynchronous.accept(&self.caller, &wanted).await.map_err(refuse)?;
        let location = self.asynchronous.location(&self.caller, id);
        let finished = match self.prefer.wait.is_zero() {
            true => None,
            false => {
                let wait = self.asynchronous.wait(&self.caller, id, self.prefer.wait);
                wait.await.map_err(refuse)?
            }
        };
        let mut response = match finished {
            Some(finished) => self.answer_now(&request, &finished).await,
            None => None,
        }
        .unwrap_or_else(|| accepted(&location));
        let name = id.to_string();
        response.headers_mut().insert("set-txn", HeaderValue::try_from(name).map_err(unlikely)?);
        Ok(response)
    }

    /// The request as it can be kept.
    async fn read(&self, request: &Request, body: &mut RequestBody) -> poem::Result<AsyncRequest> {
        let text = match *request.method() {
            Method::DELETE => None,
            _ => {
                let options = ExtractParamOptions::default();
                let body = <ScimJson<BulkRequest>>::from_request(request, body, options).await?;
                Some(String::from_utf8(body.0.to_vec()).map_err(|_| {
                    let detail = "the body is not UTF-8".to_owned();
                    poem::Error::from(ScimFailure::from(ScimError::InvalidSyntax(detail)))
                })?)
            }
        };
        let header = |name: header::HeaderName| {
            let lines = request.headers().get_all(name).iter();
            let lines: Vec<String> =
                lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect();
            (!lines.is_empty()).then(|| lines.join(","))
        };
        Ok(match &self.target {
            Target::Bulk => AsyncRequest::Bulk(text.unwrap_or_default()),
            Target::Resource { endpoint, id } => AsyncRequest::Single {
                method: request.method().to_string(),
                endpoint: endpoint.clone(),
                id: id.clone(),
                if_match: header(header::IF_MATCH),
                if_none_match: header(header::IF_NONE_MATCH),
                body: text,
            },
        })
    }

    /// The answer that the request would have had; none if it cannot be given now.
    async fn answer_now(&self, request: &Request, finished: &Finished) -> Option<Response> {
        let done = match (&self.target, &finished.only) {
            (Target::Bulk, _) | (_, None) => {
                return Some(with_notice(ok(StatusCode::OK, finished.body.clone()), finished));
            }
            (Target::Resource { .. }, Some(done)) => done,
        };
        if done.is_error() {
            return Some(failure(done));
        }
        let Target::Resource { endpoint, .. } = &self.target else { return None };
        if *request.method() == Method::DELETE {
            return Some(StatusCode::NO_CONTENT.into_response());
        }
        let resource_type = Arc::clone(self.caller.registry.by_endpoint(endpoint)?);
        let access = Access { caller: Arc::clone(&self.caller), resource_type, mode: Mode::Real };
        let shape = Shape::of(request.uri().query().unwrap_or_default());
        let mut terms = shape.terms(&access, request).ok()?;
        terms.preconditions = Preconditions::default();
        let id = done.location.as_deref()?.rsplit('/').next()?;
        let answered = self.asynchronous.answer(&access, id, &terms).await.ok()?;
        let status = StatusCode::from_u16(done.status).ok()?;
        let mut response = ok(status, answered.body.unwrap_or_default());
        let headers = response.headers_mut();
        headers.insert(header::ETAG, HeaderValue::try_from(answered.version.etag()).ok()?);
        headers.insert(header::LOCATION, HeaderValue::try_from(answered.location).ok()?);
        Some(with_notice(response, finished))
    }
}

fn unlikely(error: impl std::error::Error + Send + Sync + 'static) -> poem::Error {
    poem::Error::new(error, StatusCode::INTERNAL_SERVER_ERROR)
}

/// RFC 9967 §2.5.1.1: no body, and where the result will be.
fn accepted(location: &str) -> Response {
    let mut response = StatusCode::ACCEPTED.into_response();
    let headers = response.headers_mut();
    headers.insert("preference-applied", HeaderValue::from_static("respond-async"));
    if let Ok(location) = HeaderValue::try_from(location) {
        headers.insert(header::LOCATION, location);
    }
    response
}

fn ok(status: StatusCode, body: String) -> Response {
    Response::builder().status(status).content_type(SCIM_JSON).body(body)
}

fn with_notice(mut response: Response, finished: &Finished) -> Response {
    let notice = finished.notice.as_deref().map(HeaderValue::try_from);
    if let Some(Ok(notice)) = notice {
        response.headers_mut().insert("muster-notice", notice);
    }
    response
}

fn failure(done: &Done) -> Response {
    let status = StatusCode::from_u16(done.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (scim_type, detail) = done.error.clone().unwrap_or_default();
    ok(status, message::error_value(done.status, scim_type.as_deref(), &detail).to_string())
}

/// The endpoint of results.
pub(super) struct AsyncApi;

/// An answer about a request that was accepted.
#[derive(Debug, ApiResponse)]
pub(super) enum AsyncResult {
    /// It is done; each result says what became of one operation.
    #[oai(status = 200)]
    Done(ScimJson<BulkResponse>),
    /// It is not done yet.
    #[oai(status = 202)]
    Waiting(
        /// Seconds after which to ask again.
        #[oai(header = "Retry-After")]
        u64,
        /// The request's name in events.
        #[oai(header = "Set-Txn")]
        String,
    ),
}

#[OpenApi]
impl AsyncApi {
    /// Read what became of a request.
    ///
    /// Any change, and any bulk request, is answered with 202 before it is done if it
    /// has the header `Prefer: respond-async`; `Location` then names this place, and
    /// `Set-Txn` the request. It is for tokens of the same connection, and there for a
    /// day after the request is done. RFC 9967 §2.5.1.
    #[oai(path = "/async/:txn", method = "get", operation_id = "async.read")]
    async fn read(
        &self,
        Data(asynchronous): Data<&Asynchronous>,
        caller: BearerCaller,
        txn: Path<String>,
    ) -> Result<AsyncResult, ScimFailure> {
        Ok(match asynchronous.result(&caller.0, &txn.0).await? {
            Some(finished) => AsyncResult::Done(ScimJson::new(finished.body)),
            None => AsyncResult::Waiting(LOOK_AGAIN, txn.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&'static str], expected: Option<u64>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("prefer", HeaderValue::from_static(line));
        }
        let wait = Prefer::read(&headers).map(|prefer| prefer.wait.as_secs());
        assert_eq!(wait, expected, "{lines:?}");
    }

    #[test]
    fn a_preference_is_read_as_rfc_7240_says() {
        // R500, R502
        check(&[], None);
        check(&["return=minimal"], None);
        check(&["wait=10"], None);
        check(&["respond-async"], Some(0));
        check(&["Respond-Async; x=y, wait=10"], Some(10));
        check(&["handling=lenient", "respond-async", "wait=\"7\""], Some(7));
        check(&["respond-async, wait=3, wait=9"], Some(3));
        check(&["respond-async, wait=-1"], Some(0));
        check(&["respond-async, wait=86400"], Some(LONGEST_WAIT.as_secs()));
        check(&["x-respond-async"], None);
    }
}
